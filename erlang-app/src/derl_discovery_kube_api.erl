%% The EndpointSlices of a Service, from the Kubernetes API: derl@ADDRESS for each ready endpoint. The pod's ServiceAccount
%% needs the right to list endpointslices, and no other. Any answer but a list is an error and not an empty result: a denied
%% request (403) says nothing about the peers.
%%
%% Each round makes a list request. There is no watch: if a watch ended unnoticed, discovery would stop.
-module(derl_discovery_kube_api).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-type settings() :: #{service := string(), api := string(), account := file:filename(), family := inet | inet6}.

-define(ACCOUNT, "/var/run/secrets/kubernetes.io/serviceaccount").
-define(HTTP, [{connect_timeout, 2000}, {timeout, 3000}, {autoredirect, false}]).

%% service is the Service's name. api and account override the address of the API server and the folder of the
%% ServiceAccount's files.
-spec configure([{atom(), term()}]) -> {ok, settings()} | {error, iolist()}.
configure(Env) ->
    Service = string:trim(proplists:get_value(service, Env, "")),
    case proplists:get_value(api, Env, api()) of
        _ when Service =:= "" ->
            {error, "DISCOVERY_SERVICE is empty; it is the name of the Service whose EndpointSlices are listed"};
        none ->
            {error, "KUBERNETES_SERVICE_HOST is not set: kube-api finds the API server in a pod only"};
        Api ->
            {ok, #{service => Service, api => Api, account => proplists:get_value(account, Env, ?ACCOUNT),
                   family => proplists:get_value(family, Env, derl_discovery:family())}}
    end.

%% The API server's address, as all clients in pods use it: it needs no DNS, and the certificate is also for the address.
-spec api() -> string() | none.
api() ->
    case {os:getenv("KUBERNETES_SERVICE_HOST", ""), os:getenv("KUBERNETES_SERVICE_PORT", "443")} of
        {"", _} -> none;
        {Host, Port} ->
            case lists:member($:, Host) of
                true -> "https://[" ++ Host ++ "]:" ++ Port;
                false -> "https://" ++ Host ++ ":" ++ Port
            end
    end.

%% The token is read each time: it expires after an hour, and the kubelet replaces the file.
-spec find(settings()) -> {ok, [node()]} | {error, term()}.
find(#{service := Service, api := Api, account := Account, family := Family}) ->
    try
        ok = started(ssl),
        ok = started(inets),
        ok = httpc:set_options([{ipfamily, dialled(Api)}]),
        Url = [Api, "/apis/discovery.k8s.io/v1/namespaces/", read(Account, "namespace"),
               "/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D", Service],
        Headers = [{"authorization", "Bearer " ++ read(Account, "token")}, {"accept", "application/json"}],
        Tls = {ssl, [{verify, verify_peer}, {cacertfile, filename:join(Account, "ca.crt")},
                     {customize_hostname_check, [{match_fun, fun same/2}]}]},
        peers(ok(httpc:request(get, {lists:flatten(Url), Headers}, [Tls | ?HTTP], [{body_format, binary}])), type(Family))
    catch
        throw:Reason -> {error, Reason}
    end.

%% By itself httpc dials IPv4 addresses only.
-spec dialled(string()) -> inet | inet6.
dialled("https://[" ++ _) -> inet6;
dialled(_) -> inet.

%% The API server's certificate is for its address. httpc passes the address as text to ssl, which takes it for a DNS name
%% (seen with OTP 25: hostname_check_failed).
-spec same({dns_id | ip | uri_id | srv_id | atom(), term()}, {atom(), term()}) -> boolean() | default.
same({dns_id, Host}, {iPAddress, Address}) ->
    case inet:parse_strict_address(Host) of
        {ok, {A, B, C, D}} -> <<A, B, C, D>> =:= iolist_to_binary(Address);
        {ok, Wide} -> << <<Part:16>> || Part <- tuple_to_list(Wide) >> =:= iolist_to_binary(Address);
        {error, einval} -> default
    end;
same(_, _) -> default.

%% The release does not start these applications, because no other method needs them.
-spec started(atom()) -> ok.
started(Application) ->
    {ok, _} = ok(application:ensure_all_started(Application)),
    ok.

-spec ok({ok, Value} | {error, term()}) -> {ok, Value}.
ok({ok, Value}) -> {ok, Value};
ok({error, Reason}) -> throw(Reason).

-spec read(file:filename(), string()) -> string().
read(Account, Name) ->
    case file:read_file(filename:join(Account, Name)) of
        {ok, Text} -> string:trim(binary_to_list(Text));
        {error, Reason} -> throw({account, Name, Reason})
    end.

-spec type(inet | inet6) -> binary().
type(inet) -> <<"IPv4">>;
type(inet6) -> <<"IPv6">>.

-spec peers({ok, term()}, binary()) -> {ok, [node()]}.
peers({ok, {{_, 200, _}, _, Body}}, Type) ->
    case decode(Body) of
        #{<<"items">> := Slices} -> {ok, lists:usort(lists:flatmap(fun(Slice) -> slice(Slice, Type) end, Slices))};
        _ -> throw(no_list)
    end;
peers({ok, {{_, Code, Phrase}, _, Body}}, _) ->
    %% The message of the API's Status says which right is missing.
    case decode(Body) of
        #{<<"message">> := Message} -> throw({http, Code, unicode:characters_to_list(Message)});
        _ -> throw({http, Code, Phrase})
    end.

-spec decode(binary()) -> derl_json:value().
decode(Body) -> try derl_json:decode(Body) catch error:_ -> null end.

%% A dual-stack Service has slices of both address families; node names have the address in which the nodes distribute. An
%% endpoint without the condition ready is ready; a slice may have no endpoints.
-spec slice(derl_json:value(), binary()) -> [node()].
slice(#{<<"addressType">> := Type, <<"endpoints">> := Endpoints}, Type) when is_list(Endpoints) ->
    [derl_discovery:node_name(binary_to_list(Address))
     || #{<<"addresses">> := Addresses} = Endpoint <- Endpoints, ready(Endpoint), Address <- Addresses];
slice(_, _) -> [].

-spec ready(derl_json:value()) -> boolean().
ready(#{<<"conditions">> := #{<<"ready">> := false}}) -> false;
ready(_) -> true.
