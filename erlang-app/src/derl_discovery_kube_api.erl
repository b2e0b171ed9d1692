%% The EndpointSlices of a Service, from the Kubernetes API: derl@ADDRESS for each endpoint that is ready. The pod's
%% ServiceAccount must be allowed to list endpointslices, and nothing else. An answer other than a list is an error and never
%% nobody: what may not be read (403) says nothing about the peers.
%%
%% Each round lists, and nothing is watched: a watch that ends unnoticed is a discovery that is dead.
-module(derl_discovery_kube_api).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-type settings() :: #{service := string(), api := string(), account := file:filename()}.

-define(ACCOUNT, "/var/run/secrets/kubernetes.io/serviceaccount").
-define(HTTP, [{connect_timeout, 2000}, {timeout, 3000}, {autoredirect, false}]).

%% service is the Service's name. api and account say where the API server is and where the pod's identity lies, if not in
%% the places that each pod knows.
-spec configure([{atom(), term()}]) -> {ok, settings()} | {error, iolist()}.
configure(Env) ->
    Service = string:trim(proplists:get_value(service, Env, "")),
    case proplists:get_value(api, Env, api()) of
        _ when Service =:= "" ->
            {error, "DISCOVERY_SERVICE is empty; it is the name of the Service whose EndpointSlices are listed"};
        none ->
            {error, "KUBERNETES_SERVICE_HOST is not set: kube-api finds the API server in a pod only"};
        Api ->
            {ok, #{service => Service, api => Api, account => proplists:get_value(account, Env, ?ACCOUNT)}}
    end.

%% By its address, as all clients in pods do: that needs no DNS, and its certificate is for the address, too.
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

%% The token is read each time: it expires after an hour, and the kubelet puts another one in its place.
-spec find(settings()) -> {ok, [node()]} | {error, term()}.
find(#{service := Service, api := Api, account := Account}) ->
    try
        ok = started(ssl),
        ok = started(inets),
        Url = [Api, "/apis/discovery.k8s.io/v1/namespaces/", read(Account, "namespace"),
               "/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D", Service],
        Headers = [{"authorization", "Bearer " ++ read(Account, "token")}, {"accept", "application/json"}],
        Tls = {ssl, [{verify, verify_peer}, {cacertfile, filename:join(Account, "ca.crt")},
                     {customize_hostname_check, [{match_fun, fun same/2}]}]},
        peers(ok(httpc:request(get, {lists:flatten(Url), Headers}, [Tls | ?HTTP], [{body_format, binary}])))
    catch
        throw:Reason -> {error, Reason}
    end.

%% The API server's certificate is for its address. httpc gives ssl the address as text, and ssl takes that for a name in DNS
%% (seen with OTP 25: hostname_check_failed).
-spec same({dns_id | ip | uri_id | srv_id | atom(), term()}, {atom(), term()}) -> boolean() | default.
same({dns_id, Host}, {iPAddress, Address}) ->
    case inet:parse_strict_address(Host) of
        {ok, {A, B, C, D}} -> <<A, B, C, D>> =:= iolist_to_binary(Address);
        {ok, Wide} -> << <<Part:16>> || Part <- tuple_to_list(Wide) >> =:= iolist_to_binary(Address);
        {error, einval} -> default
    end;
same(_, _) -> default.

%% In the release these applications are not started, because no other method needs them.
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

-spec peers({ok, term()}) -> {ok, [node()]}.
peers({ok, {{_, 200, _}, _, Body}}) ->
    case decode(Body) of
        #{<<"items">> := Slices} -> {ok, lists:usort(lists:flatmap(fun slice/1, Slices))};
        _ -> throw(no_list)
    end;
peers({ok, {{_, Code, Phrase}, _, Body}}) ->
    %% A Status of the API says who may not do what.
    case decode(Body) of
        #{<<"message">> := Message} -> throw({http, Code, unicode:characters_to_list(Message)});
        _ -> throw({http, Code, Phrase})
    end.

-spec decode(binary()) -> derl_json:value().
decode(Body) -> try derl_json:decode(Body) catch error:_ -> null end.

%% A Service of two families has slices of both; nodes are named after the first address of their pod, which is the IPv4 one
%% here as it is in dns-a. What is not said about an endpoint's readiness is yes; a slice may have no endpoints at all.
-spec slice(derl_json:value()) -> [node()].
slice(#{<<"addressType">> := <<"IPv4">>, <<"endpoints">> := Endpoints}) when is_list(Endpoints) ->
    [derl_discovery:node_name(binary_to_list(Address))
     || #{<<"addresses">> := Addresses} = Endpoint <- Endpoints, ready(Endpoint), Address <- Addresses];
slice(_) -> [].

-spec ready(derl_json:value()) -> boolean().
ready(#{<<"conditions">> := #{<<"ready">> := false}}) -> false;
ready(_) -> true.
