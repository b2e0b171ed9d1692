-module(derl_discovery_dns_srv_tests).
-include_lib("eunit/include/eunit.hrl").

find(Answer) ->
    Dns = derl_test_dns:start(Answer),
    {ok, Settings} = derl_discovery_dns_srv:configure([{dns_name, "derl.ns.svc.cluster.local"},
                                                       {resolver, derl_test_dns:resolver(Dns)}]),
    Result = derl_discovery_dns_srv:find(Settings),
    derl_test_dns:stop(Dns),
    Result.

target(N) -> {srv, "derl-" ++ integer_to_list(N) ++ ".derl.ns.svc.cluster.local"}.

names_are_the_targets_test() ->
    ?assertEqual({ok, ['derl@derl-0.derl.ns.svc.cluster.local', 'derl@derl-1.derl.ns.svc.cluster.local']},
                 find([target(1), target(0), target(1)])).

%% Fewer SRV records than addresses fit into 512 bytes: then the query is repeated over TCP.
many_targets_test() ->
    {ok, Nodes} = find([target(N) || N <- lists:seq(1, 20)]),
    ?assertEqual(20, length(Nodes)).

%% Records of another type are ignored, and an error is returned.
nothing_test_() ->
    {inparallel, [?_assertEqual({ok, []}, find([{10, 0, 0, 1}])), ?_assertEqual({error, nxdomain}, find(nxdomain))]}.
