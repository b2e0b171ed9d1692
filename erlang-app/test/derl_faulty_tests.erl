%% Each faulty method makes exactly one mistake, and works where the mistake does not matter.
-module(derl_faulty_tests).
-behaviour(supervisor).
-include_lib("eunit/include/eunit.hrl").
-export([init/1]).

-define(THREE, [{10, 0, 0, 1}, {10, 0, 0, 2}, {10, 0, 0, 3}]).

%% The VM's own resolver asks the test's server while F runs, and has nothing in its cache.
resolving(Dns, F) ->
    Before = inet_db:res_option(nameservers),
    File = inet_db:res_option(resolv_conf),
    ok = inet_db:res_option(resolv_conf, ""),
    [{nameservers, Servers}] = derl_test_dns:resolver(Dns),
    ok = inet_db:res_option(nameservers, Servers),
    ok = inet_db:clear_cache(),
    F(),
    ok = inet_db:clear_cache(),
    ok = inet_db:res_option(nameservers, Before),
    ok = inet_db:res_option(resolv_conf, File).

%% Runs F with functions to change the DNS answer, to call the method, and to count the DNS queries.
with(Method, Name, F) ->
    {ok, Module} = derl_discovery:method(Method),
    _ = persistent_term:erase(Module),
    Dns = derl_test_dns:start([]),
    {ok, Settings} = Module:configure([{dns_name, Name}, {resolver, derl_test_dns:resolver(Dns)}]),
    resolving(Dns, fun() ->
        F(fun(Answer) -> derl_test_dns:answer(Dns, Answer) end, fun() -> Module:find(Settings) end, fun() -> derl_test_dns:questions(Dns) end)
    end),
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

impatient_finds_like_any_other_test() ->
    full("faulty-impatient", fun(Answer, Find, _) ->
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find())
    end).

leaves_finds_like_any_other_test() ->
    full("faulty-leaves", fun(Answer, Find, _) ->
        ok = persistent_term:put(derl_faulty_leaves, ['derl@10.0.0.2']),
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find()),
        ?assertEqual([], persistent_term:get(derl_faulty_leaves))
    end).

trusts_dns_takes_errors_for_nobody_test_() ->
    {timeout, 20, fun() ->
        full("faulty-trusts-dns", fun(Answer, Find, _) ->
            Answer(?THREE),
            ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find()),
            Answer(nxdomain),
            ?assertEqual({ok, []}, Find())
        end)
    end}.

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

%% inet_res:getbyname takes no resolver: it is the VM's own that is changed.
cached_asks_once_for_the_time_of_the_record_test() ->
    full("faulty-cached", fun(Answer, Find, Questions) ->
        Answer(?THREE),
        Three = {ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']},
        ?assertEqual(Three, Find()),
        ?assertEqual(Three, Find()),
        ?assertEqual(1, Questions()),
        Answer(nxdomain),
        ?assertEqual(Three, Find()),
        ?assertEqual(1, Questions())
    end).

stops_late_finds_like_any_other_and_outlives_its_supervisors_request_test() ->
    full("faulty-stops-late", fun(Answer, Find, _) ->
        {ok, Sup} = supervisor:start_link({local, derl_sup}, ?MODULE, []),
        Answer(?THREE),
        ?assertEqual({ok, ['derl@10.0.0.1', 'derl@10.0.0.2', 'derl@10.0.0.3']}, Find()),
        ?assertMatch({ok, _}, Find()), % the process is started once
        [{_, Late, _, _}] = supervisor:which_children(Sup),
        exit(Late, shutdown),
        timer:sleep(50),
        ?assert(is_process_alive(Late)),
        exit(Late, kill),
        true = unlink(Sup),
        exit(Sup, kill)
    end).

%% A supervisor of the application's name, without children.
init([]) -> {ok, {#{}, []}}.

unknown_fault_test() -> ?assertMatch({error, _}, derl_discovery:method("faulty-all")).
