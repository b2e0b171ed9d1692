%% The poller with a discovery method whose behaviour the test sets. No distribution is needed here.
-module(derl_poller_tests).
-include_lib("eunit/include/eunit.hrl").
-behaviour(derl_discovery).
-export([configure/1, find/1]).

configure(_Env) -> {ok, ?MODULE}.

find(Table) ->
    _ = ets:update_counter(Table, rounds, 1),
    (ets:lookup_element(Table, answer, 2))().

poller_test_() ->
    {foreach, fun start/0, fun stop/1,
     [{with, [T]} || T <- [fun survives_errors/1, fun survives_crashes/1, fun gives_up_a_round_that_hangs/1,
                           fun one_round_at_a_time/1, fun says_each_thing_once/1, fun says_once_which_method_fails/1, fun survives_nonsense/1]]}.

start() ->
    ets:new(?MODULE, [named_table, public]),
    ets:insert(?MODULE, [{rounds, 0}, {answer, fun() -> {ok, []} end}]),
    {ok, Log} = derl_test_log:start(),
    {ok, Pid} = derl_poller:start_link(#{method => ?MODULE, settings => ?MODULE, interval => 10, round_limit => 100,
                                         ready_port => 0}),
    {Pid, Log}.

stop({Pid, Log}) ->
    unlink(Pid),
    exit(Pid, kill),
    Ref = monitor(process, Pid),
    receive {'DOWN', Ref, process, Pid, _} -> ok end,
    derl_test_log:stop(Log),
    ets:delete(?MODULE).

answer(F) -> ets:insert(?MODULE, {answer, F}).

rounds() -> ets:lookup_element(?MODULE, rounds, 2).

%% More rounds take place, and the poller is still the same process.
goes_on(Pid) ->
    wait_for_rounds(rounds() + 5, 200),
    ?assertEqual(Pid, whereis(derl_poller)).

wait_for_rounds(Wanted, 0) -> error({no_more_rounds, rounds(), Wanted});
wait_for_rounds(Wanted, Tries) ->
    rounds() >= Wanted orelse begin timer:sleep(10), wait_for_rounds(Wanted, Tries - 1) end.

survives_errors({Pid, _}) ->
    [begin answer(fun() -> {error, E} end), goes_on(Pid) end || E <- [timeout, nxdomain, servfail, econnrefused]].

survives_crashes({Pid, Log}) ->
    answer(fun() -> error(boom) end),
    goes_on(Pid),
    answer(fun() -> exit(kill) end),
    goes_on(Pid),
    %% The VM's own crash report would be logged in every round.
    ?assertEqual([], [L || "Error in process" ++ _ = L <- derl_test_log:lines(Log)]).

survives_nonsense({Pid, _}) ->
    Pid ! nonsense,
    ok = gen_server:cast(Pid, nonsense),
    ?assertEqual({error, unknown_request}, gen_server:call(Pid, nonsense)),
    answer(fun() -> nonsense end),
    goes_on(Pid).

gives_up_a_round_that_hangs({Pid, Log}) ->
    answer(fun() -> timer:sleep(infinity) end),
    goes_on(Pid),
    ?assertEqual(["discovery fails: {no_answer_after_ms,100}; connections stay as they are"],
                 [L || "discovery fails" ++ _ = L <- derl_test_log:lines(Log)]).

one_round_at_a_time({Pid, _}) ->
    Self = self(),
    answer(fun() -> Self ! {in, self()}, timer:sleep(20), Self ! {out, self()}, {ok, []} end),
    goes_on(Pid),
    answer(fun() -> {ok, []} end),
    timer:sleep(80),
    ?assertEqual(true, alternate(none)).

alternate(none) ->
    receive {in, Pid} -> alternate(Pid) after 0 -> true end;
alternate(Pid) ->
    receive {out, Pid} -> alternate(none); {in, Other} -> {both, Pid, Other} after 0 -> true end.

%% Two alternating errors, then an answer, then an error again: four lines.
says_each_thing_once({Pid, Log}) ->
    Answers = fun(F) -> answer(F), goes_on(Pid) end,
    Answers(fun() -> {error, case rounds() rem 2 of 0 -> timeout; 1 -> nxdomain end} end),
    Answers(fun() -> {ok, ['derl@10.0.0.1']} end),
    Answers(fun() -> {error, timeout} end),
    Lines = [L || "discovery f" ++ _ = L <- derl_test_log:lines(Log), L =/= "discovery finds 0: "],
    ?assertEqual(4, length(Lines)),
    ?assertEqual("discovery finds 1: derl@10.0.0.1", lists:nth(3, Lines)).

%% One of two methods fails in some rounds, then works, and then fails again.
says_once_which_method_fails({Pid, Log}) ->
    Answers = fun(Parts) -> answer(fun() -> {ok, ['derl@10.0.0.1'], Parts} end), goes_on(Pid) end,
    Answers([{"kube-api", forbidden}]),
    Answers([{"kube-api", forbidden}, {"dns-a", timeout}]),
    Answers([{"dns-a", timeout}]),
    Answers([{"kube-api", forbidden}]),
    Lines = [L || "discovery" ++ _ = L <- derl_test_log:lines(Log), L =/= "discovery finds 0: "],
    Fails = fun(What) -> "discovery by " ++ What ++ "; the other methods go on" end,
    ?assertEqual([Fails("kube-api fails: forbidden"), "discovery finds 1: derl@10.0.0.1", Fails("dns-a fails: timeout"),
                  Fails("kube-api fails: forbidden")], Lines).

missing_test_() ->
    Missing = fun(Found, Connected, Tried) -> derl_poller:missing(Found, self@h, Connected, Tried) end,
    [{"not itself", ?_assertEqual([a@h], Missing([a@h, self@h], [], []))},
     {"not who is there", ?_assertEqual([b@h], Missing([a@h, b@h], [a@h], []))},
     {"not who is being tried", ?_assertEqual([b@h], Missing([a@h, b@h], [], [a@h]))},
     {"not who is gone from discovery", ?_assertEqual([], Missing([self@h], [a@h], [c@h]))}].
