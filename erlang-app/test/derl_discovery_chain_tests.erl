%% A chain of methods whose behaviour the test sets.
-module(derl_discovery_chain_tests).
-include_lib("eunit/include/eunit.hrl").
-behaviour(derl_discovery).
-export([configure/1, find/1]).

configure(_Env) -> {error, "not from the environment"}.

find(F) -> F().

%% One round in a separate process, as in the poller, and what it logs.
ask(Methods, Share) ->
    {ok, Log} = derl_test_log:start(),
    {Pid, Ref} = spawn_monitor(fun() -> exit(derl_discovery_chain:find({Share, [{Name, ?MODULE, F} || {Name, F} <- Methods]})) end),
    Result = receive {'DOWN', Ref, process, Pid, R} -> R end,
    {Result, derl_test_log:stop(Log)}.

ask(Methods) ->
    {Result, Lines} = ask(Methods, 50),
    ?assertEqual([], Lines),
    Result.

found(Nodes) -> fun() -> {ok, Nodes} end.

unites_what_is_found_test() ->
    ?assertEqual({ok, [a@h, b@h, c@h], []}, ask([{"x", found([b@h, a@h])}, {"y", found([])}, {"z", found([c@h, a@h])}])).

%% Whatever a method does, the next method is called, and the VM logs nothing.
goes_on_test_() ->
    [{Name, ?_assertEqual({ok, [a@h], [{Name, Reason}]}, ask([{Name, Bad}, {"good", found([a@h])}]))}
     || {Name, Reason, Bad} <- [{"fails", nxdomain, fun() -> {error, nxdomain} end},
                                {"crashes", {error, boom}, fun() -> error(boom) end},
                                {"throws", {throw, boom}, fun() -> throw(boom) end},
                                {"is killed", killed, fun() -> exit(self(), kill), timer:sleep(infinity) end},
                                {"hangs", {no_answer_after_ms, 50}, fun() -> timer:sleep(infinity) end},
                                {"answers nonsense", {answer, nonsense}, fun() -> nonsense end}]].

asks_in_order_test() ->
    Self = self(),
    Says = fun(N) -> fun() -> Self ! {turn, N}, {ok, []} end end,
    {ok, [], []} = ask([{"1", Says(1)}, {"2", Says(2)}, {"3", Says(3)}]),
    ?assertEqual([1, 2, 3], [receive {turn, N} -> N after 0 -> none end || _ <- [1, 2, 3]]).

fails_if_all_fail_test() ->
    ?assertEqual({error, [{"x", timeout}, {"y", {error, boom}}]},
                 ask([{"x", fun() -> {error, timeout} end}, {"y", fun() -> error(boom) end}])).

%% The poller ends a round by killing its process: a method that hangs must end, too.
ends_with_its_round_test() ->
    Self = self(),
    Hangs = fun() -> Self ! {here, self()}, timer:sleep(infinity) end,
    {Pid, _} = spawn_monitor(fun() -> derl_discovery_chain:find({60000, [{"hangs", ?MODULE, Hangs}]}) end),
    Method = receive {here, M} -> M end,
    Ref = monitor(process, Method),
    exit(Pid, kill),
    ?assertEqual(killed, receive {'DOWN', Ref, process, Method, Reason} -> Reason after 1000 -> stays end).
