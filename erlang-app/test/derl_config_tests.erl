-module(derl_config_tests).
-include_lib("eunit/include/eunit.hrl").

-define(NAME, {dns_name, "derl.ns.svc.cluster.local"}).

%% The application's environment from sys.config when only DISCOVERY_NAME is set.
defaults_test() ->
    {ok, Config} = derl_config:read([{discovery, "dns-a"}, {interval_ms, "1000"}, {ready_port, "8080"}, ?NAME]),
    ?assertMatch(#{method := derl_discovery_dns_a, interval := 1000, ready_port := 8080}, Config).

interval_test_() ->
    [?_assertMatch({ok, #{interval := 250}}, derl_config:read([?NAME, {interval_ms, I}])) || I <- ["250", " 250 ", 250]]
    ++ [{lists:flatten(io_lib:format("~p", [I])),
         ?_assertMatch({error, "DISCOVERY_INTERVAL_MS is " ++ _}, derl_config:read([?NAME, {interval_ms, I}]))}
        || I <- ["", "1s", "0", "-5", "1.5", "99999999999", 1.5, undefined]].

felt_interval_test_() ->
    [?_assertMatch({ok, #{felt_interval := 0}}, derl_config:read([?NAME])),
     ?_assertMatch({ok, #{felt_interval := 100}}, derl_config:read([?NAME, {felt_interval_ms, "100"}])),
     ?_assertMatch({error, "FELT_INTERVAL_MS is \"-1\"" ++ _}, derl_config:read([?NAME, {felt_interval_ms, "-1"}]))].

ready_port_test_() ->
    [?_assertMatch({error, "READY_PORT is " ++ _}, derl_config:read([?NAME, {ready_port, P}])) || P <- ["", "http", "65536"]].

unknown_method_test() ->
    ?assertEqual({error, "DISCOVERY is \"dns\", which is not a discovery method; "
                         "the methods are: dns-a, dns-srv, hosts-file, kube-api, none, static"},
                 derl_config:read([?NAME, {discovery, "dns"}])).

%% Several methods with commas between them are a chain. Each must be a known method with valid settings.
chain_test_() ->
    Read = fun(Discovery) -> derl_config:read([?NAME, {nodes, "a@h"}, {discovery, Discovery}]) end,
    [?_assertMatch({ok, #{method := derl_discovery_static}}, Read(" static ")),
     ?_assertMatch({ok, #{method := derl_discovery_chain,
                          settings := {3333, [{"static", derl_discovery_static, [a@h]}, {"dns-a", derl_discovery_dns_a, _}]}}},
                   Read("static, dns-a")),
     ?_assertMatch({error, "DISCOVERY is \"\", which" ++ _}, Read("")),
     ?_assertMatch({error, "DISCOVERY is \"\", which" ++ _}, Read("static,")),
     ?_assertMatch({error, "DISCOVERY is \"dns\", which" ++ _}, Read("static,dns")),
     ?_assertMatch({error, "DISCOVERY_SERVICE is empty" ++ _}, Read("static,kube-api"))].

%% inet_res:resolve does not use the search list, so a name without a dot would never be found.
name_test_() ->
    [?_assertMatch({error, "DISCOVERY_NAME is empty" ++ _}, derl_config:read([{dns_name, N}])) || N <- ["", ".", " "]]
    ++ [?_assertMatch({error, "DISCOVERY_NAME is derl, but" ++ _}, derl_config:read([{dns_name, N}])) || N <- ["derl", "derl."]]
    ++ [?_assertEqual(derl_config:read([?NAME]), derl_config:read([{dns_name, "derl.ns.svc.cluster.local."}]))].

%% The cluster's domain comes from the pod's search list.
domain_test() ->
    File = "resolv.conf." ++ integer_to_list(erlang:unique_integer([positive])),
    Name = fun(Text) ->
        ok = file:write_file(File, Text),
        derl_dns:configure([{dns_name, "derl.ns.svc"}, {resolv_conf, File}])
    end,
    ?assertMatch({ok, #{name := "derl.ns.svc.k8s.corp.internal"}},
                 Name("nameserver 10.96.0.10\nsearch ns.svc.k8s.corp.internal svc.k8s.corp.internal k8s.corp.internal\noptions ndots:5\n")),
    ?assertMatch({error, _}, Name("nameserver 10.96.0.10\nsearch example.com\n")),
    ok = file:delete(File),
    ?assertMatch({error, _}, derl_dns:configure([{dns_name, "derl.ns.svc"}, {resolv_conf, File}])).

%% The application logs the error in one line and does not start.
does_not_start_test() ->
    {ok, Log} = derl_test_log:start(),
    ok = application:load(derl),
    ok = application:set_env([{derl, [?NAME, {interval_ms, "often"}]}]),
    Result = application:start(derl),
    ok = application:unload(derl),
    Lines = derl_test_log:stop(Log),
    ?assertMatch({error, {{configuration, "DISCOVERY_INTERVAL_MS is \"often\"" ++ _}, _}}, Result),
    ?assertMatch([_], [L || "derl cannot start: DISCOVERY_INTERVAL_MS is" ++ _ = L <- Lines]).
