-module(derl_discovery_dns_a_tests).
-include_lib("eunit/include/eunit.hrl").

%% One round against a real DNS server that answers Answer.
find(Answer) -> find(Answer, inet).

find(Answer, Family) ->
    Dns = derl_test_dns:start(Answer),
    {ok, Settings} = derl_discovery_dns_a:configure([{dns_name, "derl.ns.svc.cluster.local."}, {family, Family},
                                                     {resolver, derl_test_dns:resolver(Dns)}]),
    Result = derl_discovery_dns_a:find(Settings),
    derl_test_dns:stop(Dns),
    Result.

names_are_built_from_addresses_test() ->
    ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2']}, find([{10, 0, 0, 2}, {10, 0, 0, 1}, {10, 0, 0, 2}])).

%% A node has one name. A peer that built names from both families would look for each pod twice.
one_family_test() ->
    Both = [{10, 0, 0, 1}, {16#fd00, 0, 0, 0, 0, 0, 0, 1}, {16#fd00, 0, 0, 0, 0, 0, 0, 16#a}],
    ?assertEqual({ok, ['derl@10.0.0.1']}, find(Both, inet)),
    ?assertEqual({ok, ['derl@fd00::1', 'derl@fd00::a']}, find(Both, inet6)).

%% 60 addresses are more than 512 bytes: the answer over UDP is truncated, and the one over TCP has all of them.
many_addresses_test() ->
    {ok, Nodes} = find([{10, 0, 0, N} || N <- lists:seq(1, 60)]),
    ?assertEqual(60, length(Nodes)).

%% inet_res retries after an error of the server, so these two tests are slow and run in parallel.
errors_test_() ->
    {inparallel, [?_assertEqual({error, nxdomain}, find(nxdomain)),
                  ?_assertEqual({error, servfail}, find(servfail)),
                  fun silence_is_given_up/0]}.

silence_is_given_up() ->
    {Microseconds, Result} = timer:tc(fun() -> find(silence) end),
    ?assertEqual({error, timeout}, Result),
    ?assert(Microseconds < 2500000).
