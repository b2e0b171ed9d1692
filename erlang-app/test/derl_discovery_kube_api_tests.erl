%% A small API server: real TLS with a temporary CA, on a free port.
-module(derl_discovery_kube_api_tests).
-include_lib("eunit/include/eunit.hrl").

-define(PATH, <<"/apis/discovery.k8s.io/v1/namespaces/ns/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dderl">>).

kube_api_test_() ->
    {setup, fun start/0, fun stop/1,
     {with, [fun lists_what_is_ready/1, fun an_answer_that_is_no_list_is_an_error/1, fun reads_the_token_each_time/1,
             fun trusts_its_own_ca_only/1, fun verifies_the_address/1, fun nobody_listens/1, fun no_account/1]}}.

start() ->
    {ok, _} = application:ensure_all_started(ssl),
    Folder = filename:join(filename:dirname(code:which(?MODULE)), "kube_account"),
    Config = #{server_config := Server} = certificates(),
    {ok, Listener} = ssl:listen(0, [binary, {ip, {0, 0, 0, 0}}, {active, false}, {packet, http_bin}, {reuseaddr, true} | Server]),
    {ok, {_, Port}} = ssl:sockname(Listener),
    Pid = spawn(fun() -> serve(Listener, none) end),
    account(Folder, "token-1", Config),
    #{port => Port, pid => Pid, listener => Listener, folder => Folder, api => "https://127.0.0.1:" ++ integer_to_list(Port)}.

stop(#{pid := Pid, listener := Listener}) ->
    exit(Pid, kill),
    ok = ssl:close(Listener),
    ok = application:stop(inets),
    ok = application:stop(ssl).

%% The server's certificate is for the address, as the API server's is.
certificates() ->
    %% SHA-1, which is the default, is refused since OTP 26.
    Options = [{key, {namedCurve, secp256r1}}, {digest, sha256}],
    Chain = fun(Extensions) -> #{root => Options, intermediates => [], peer => [{extensions, Extensions} | Options]} end,
    %% id-ce-subjectAltName, not critical. The record comes from a header that is not the same one in all releases of OTP.
    Address = {'Extension', {2, 5, 29, 17}, false, [{iPAddress, <<127, 0, 0, 1>>}]},
    public_key:pkix_test_data(#{server_chain => Chain([Address]), client_chain => Chain([])}).

%% The files of a pod's ServiceAccount.
account(Folder, Token, #{client_config := Client}) ->
    Pem = public_key:pem_encode([{'Certificate', Der, not_encrypted} || Der <- proplists:get_value(cacerts, Client)]),
    [begin
         File = filename:join(Folder, Name),
         ok = filelib:ensure_dir(File),
         ok = file:write_file(File, Text)
     end || {Name, Text} <- [{"namespace", "ns"}, {"token", Token ++ "\n"}, {"ca.crt", Pem}]].

%% One request per connection. The answer is set before the client connects.
serve(Listener, Answer) ->
    {ok, Transport} = ssl:transport_accept(Listener),
    Handshake = ssl:handshake(Transport, 1000),
    Now = latest(Answer),
    _ = [reply(Socket, Now) || {ok, Socket} <- [Handshake]],
    serve(Listener, Now).

latest(Answer) -> receive {answer, New} -> latest(New) after 0 -> Answer end.

reply(Socket, Answer) ->
    {ok, {http_request, 'GET', {abs_path, Path}, _}} = ssl:recv(Socket, 0, 1000),
    {Code, Body} = Answer({Path, headers(Socket)}),
    ok = ssl:send(Socket, ["HTTP/1.1 ", integer_to_list(Code), " X\r\nContent-Type: application/json\r\nConnection: close\r\n"
                           "Content-Length: ", integer_to_list(byte_size(Body)), "\r\n\r\n", Body]),
    ssl:close(Socket).

headers(Socket) ->
    case ssl:recv(Socket, 0, 1000) of
        {ok, {http_header, _, Name, _, Value}} -> [{Name, Value} | headers(Socket)];
        {ok, http_eoh} -> []
    end.

find(#{pid := Pid, api := Api, folder := Folder} = Context, Answer) ->
    Pid ! {answer, Answer},
    {ok, Settings} = derl_discovery_kube_api:configure([{service, "derl"}, {api, Api}, {account, Folder},
                                                        {family, maps:get(family, Context, inet)}]),
    derl_discovery_kube_api:find(Settings).

lists_what_is_ready(Context) ->
    Self = self(),
    Body = <<"{\"kind\":\"EndpointSliceList\",\"items\":["
             "{\"addressType\":\"IPv4\",\"endpoints\":["
             "{\"addresses\":[\"10.0.0.2\"],\"conditions\":{\"ready\":true}},{\"addresses\":[\"10.0.0.1\"],\"conditions\":{}},"
             "{\"addresses\":[\"10.0.0.9\"],\"conditions\":{\"ready\":false,\"terminating\":true}}]},"
             "{\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.0.0.3\"]}]},"
             "{\"addressType\":\"IPv4\",\"endpoints\":null},"
             "{\"addressType\":\"IPv6\",\"endpoints\":[{\"addresses\":[\"fd00::1\"],\"conditions\":{\"ready\":true}}]}]}">>,
    ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']},
                 find(Context, fun(Request) -> Self ! Request, {200, Body} end)),
    {Path, Headers} = receive Request -> Request end,
    ?assertEqual(?PATH, Path),
    ?assertEqual(<<"Bearer token-1">>, proplists:get_value('Authorization', Headers)),
    ?assertEqual({ok, ['derl@fd00::1']}, find(Context#{family => inet6}, fun(_) -> {200, Body} end)),
    ?assertEqual({ok, []}, find(Context, fun(_) -> {200, <<"{\"items\":[]}">>} end)).

an_answer_that_is_no_list_is_an_error(Context) ->
    Forbidden = <<"{\"kind\":\"Status\",\"message\":\"endpointslices.discovery.k8s.io is forbidden\",\"code\":403}">>,
    [?assertEqual({error, Reason}, find(Context, fun(_) -> {Code, Body} end))
     || {Code, Body, Reason} <- [{403, Forbidden, {http, 403, "endpointslices.discovery.k8s.io is forbidden"}},
                                 {502, <<"<html>">>, {http, 502, "X"}},
                                 {200, <<"{\"kind\":\"Status\"}">>, no_list},
                                 {200, <<"{\"items\":">>, no_list},
                                 {200, <<>>, no_list}]].

reads_the_token_each_time(#{folder := Folder} = Context) ->
    Self = self(),
    ok = file:write_file(filename:join(Folder, "token"), "token-2"),
    {ok, []} = find(Context, fun({_, Headers}) -> Self ! Headers, {200, <<"{\"items\":[]}">>} end),
    ?assertEqual(<<"Bearer token-2">>, proplists:get_value('Authorization', receive H -> H end)).

%% The token must be sent to no other server.
trusts_its_own_ca_only(#{folder := Folder} = Context) ->
    Other = Folder ++ "_other",
    account(Other, "token-1", certificates()),
    ?assertMatch({error, {failed_connect, [_, {inet, _, {tls_alert, {unknown_ca, _}}}]}}, find(Context#{folder := Other}, none)).

%% A certificate of the right CA, but for another address than the dialled one. The alert differs between OTP releases.
verifies_the_address(#{port := Port} = Context) ->
    {error, {failed_connect, [_, {inet, _, {tls_alert, {_, Why}}}]}} = find(Context#{api := "https://127.0.0.2:" ++ integer_to_list(Port)}, none),
    ?assertMatch({match, _}, re:run(Why, "hostname_check_failed")).

nobody_listens(Context) ->
    {ok, Socket} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Socket),
    ok = gen_tcp:close(Socket),
    ?assertMatch({error, {failed_connect, [_, {inet, _, econnrefused}]}},
                 find(Context#{api := "https://127.0.0.1:" ++ integer_to_list(Port)}, none)).

no_account(#{folder := Folder} = Context) ->
    ?assertEqual({error, {account, "namespace", enoent}}, find(Context#{folder := Folder ++ "_none"}, none)).

configure_test_() ->
    [?_assertMatch({error, "DISCOVERY_SERVICE is empty" ++ _}, derl_discovery_kube_api:configure([{service, " "}])),
     ?_assertMatch({error, "KUBERNETES_SERVICE_HOST is not set" ++ _}, derl_discovery_kube_api:configure([{service, "derl"}]))]
    ++ [?_assertMatch({ok, #{api := Api}}, with_host(Host)) || {Host, Api} <- [{"10.96.0.1", "https://10.96.0.1:6443"},
                                                                              {"fd00::1", "https://[fd00::1]:6443"}]].

with_host(Host) ->
    true = os:putenv("KUBERNETES_SERVICE_HOST", Host),
    true = os:putenv("KUBERNETES_SERVICE_PORT", "6443"),
    Result = derl_discovery_kube_api:configure([{service, "derl"}]),
    true = os:unsetenv("KUBERNETES_SERVICE_HOST"),
    Result.
