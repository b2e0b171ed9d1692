%% Each faulty method makes exactly one mistake, and works where the mistake does not matter.
-module(derl_faulty_tests).
-include_lib("eunit/include/eunit.hrl").

-define(THREE, [{10, 0, 0, 1}, {10, 0, 0, 2}, {10, 0, 0, 3}]).

%% Runs F with functions to change the DNS answer, to call the method, and to count the DNS queries.
with(Method, Name, F) ->
    {ok, Module} = derl_discovery:method(Method),
    _ = persistent_term:erase(Module),
    Dns = derl_test_dns:start([]),
    {ok, Settings} = Module:configure([{dns_name, Name}, {resolver, derl_test_dns:resolver(Dns)}]),
    F(fun(Answer) -> derl_test_dns:answer(Dns, Answer) end, fun() -> Module:find(Settings) end, fun() -> derl_test_dns:questions(Dns) end),
    _ = persistent_term:erase(Module),
    derl_test_dns:stop(Dns).

full(Method, F) -> with(Method, "derl.ns.svc.cluster.local", F).

first_names_one_test() ->
    full("faulty-first", fun(Answer, Find, _) ->
        ?assertEqual({ok, []}, Find()),
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1']}, Find())
    end).

once_never_asks_again_test() ->
    full("faulty-once", fun(Answer, Find, Questions) ->
        ?assertEqual({ok, []}, Find()),
        Answer(?THREE),
        ?assertEqual({ok, []}, Find()),
        ?assertEqual(1, Questions())
    end).

satisfied_asks_until_there_is_somebody_test() ->
    full("faulty-satisfied", fun(Answer, Find, Questions) ->
        ?assertEqual({ok, []}, Find()),
        Answer([{10, 0, 0, 1}, {10, 0, 0, 2}]),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2']}, Find()),
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2']}, Find()),
        ?assertEqual(2, Questions())
    end).

%% The test's VM is not a node, so the known nodes are set directly.
dies_with_the_first_that_is_gone_test() ->
    full("faulty-dies", fun(Answer, Find, Questions) ->
        Answer(?THREE),
        ?assertMatch({ok, [_, _, _]}, Find()),
        ok = persistent_term:put(derl_faulty_dies, ['derl@10.0.0.2']),
        ?assertEqual({ok, []}, Find()),
        ?assertEqual({ok, []}, Find()),
        ?assertEqual(1, Questions())
    end).

disconnects_finds_like_any_other_test() ->
    full("faulty-disconnects", fun(Answer, Find, _) ->
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find())
    end).

restarts_finds_like_any_other_test() ->
    full("faulty-restarts", fun(Answer, Find, _) ->
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find()),
        Answer([{10, 0, 0, 3}]),
        ?assertEqual({ok, ['derl@10.0.0.3']}, Find())
    end).

lookup_takes_errors_for_nobody_test_() ->
    {timeout, 20, fun() ->
        with("faulty-lookup", "derl", fun(Answer, Find, _) ->
            Answer(nxdomain),
            ?assertEqual({ok, []}, Find()),
            Answer(?THREE),
            ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find())
        end)
    end}.

unknown_fault_test() -> ?assertMatch({error, _}, derl_discovery:method("faulty-all")).
