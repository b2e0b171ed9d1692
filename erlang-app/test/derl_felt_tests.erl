%% Real nodes. What one of them notices of the others is in its log.
-module(derl_felt_tests).
-include_lib("eunit/include/eunit.hrl").
-export([log_on/0, lines/0]).

-define(A, {127, 0, 1, 2}).
-define(B, {127, 0, 1, 3}).
-define(BUDGET, 5000).

felt_test_() -> {timeout, 60, fun felt/0}.

felt() ->
    {ok, Free} = gen_tcp:listen(0, [{ip, ?A}]),
    {ok, Port} = inet:port(Free),
    ok = gen_tcp:close(Free),
    [A, B] = [start(Address, Port) || Address <- [?A, ?B]],
    [NameA, NameB] = [derl_discovery:node_name(Address) || Address <- [?A, ?B]],

    %% It connects to nobody.
    timer:sleep(300),
    ?assertEqual([], peer:call(A, erlang, nodes, [])),
    ?assertEqual([], felt(A)),

    true = peer:call(A, net_kernel, connect_node, [NameB]),
    [begin
         All = wait(Peer, fun(Lines) -> length(Lines) =:= 4 end),
         ?assertEqual([{What, Name, "up", none} || What <- ["global", "message", "node", "pg"]], lists:sort(All))
     end || {Peer, Name} <- [{A, NameB}, {B, NameA}]],

    %% The peer's process stops answering: messages are lost, and nothing else.
    ok = peer:call(B, sys, suspend, [derl_felt]),
    [{"message", NameB, "down", none}] = wait(A, fun(Lines) -> Lines =/= [] end),
    timer:sleep(1000),
    ok = peer:call(B, sys, resume, [derl_felt]),
    [{"message", NameB, "up", {For, Messages}}] = wait(A, fun(Lines) -> Lines =/= [] end),
    ?assert(For > 1000000 andalso For < 5000000),
    ?assert(Messages > 5),

    %% The link is lost. Nobody connects again but the test.
    true = peer:call(A, erlang, disconnect_node, [NameB]),
    [?assertEqual([{What, Name, "down", none} || What <- ["global", "message", "node", "pg"]],
                  lists:sort(wait(Peer, fun(Lines) -> length(Lines) =:= 4 end))) || {Peer, Name} <- [{A, NameB}, {B, NameA}]],
    timer:sleep(300),
    ?assertEqual([], peer:call(A, erlang, nodes, [])),
    true = peer:call(A, net_kernel, connect_node, [NameB]),
    ?assertMatch([{"global", NameB, "up", {_, 0}}, {"message", NameB, "up", {_, Lost}}, {"node", NameB, "up", {_, 0}}, {"pg", NameB, "up", {_, 0}}]
                   when Lost > 0, lists:sort(wait(A, fun(Lines) -> length(Lines) =:= 4 end))),
    [ok = peer:stop(Peer) || Peer <- [A, B]].

start(Address, Port) ->
    Peer = derl_test_node:start(Address, Port, #{}),
    ok = peer:call(Peer, ?MODULE, log_on, []),
    ok = peer:call(Peer, application, load, [derl]),
    ok = peer:call(Peer, application, set_env, [[{derl, [{discovery, "none"}, {ready_port, 0}, {felt_interval_ms, 100}]}]]),
    {ok, _} = peer:call(Peer, application, ensure_all_started, [derl]),
    Peer.

%% Its table belongs to a process that lives as long as the node.
log_on() ->
    Self = self(),
    spawn(fun() -> {ok, Log} = derl_test_log:start(), persistent_term:put(?MODULE, Log), Self ! logs, receive never -> ok end end),
    receive logs -> ok end.

lines() -> ets:tab2list(persistent_term:get(?MODULE)).

%% Waits for lines that were not there yet. Each is {What, Peer, Is, {For, Messages} | none}.
wait(Peer, Enough) -> wait(Peer, Enough, erlang:monotonic_time(millisecond) + ?BUDGET).

wait(Peer, Enough, Deadline) ->
    New = felt(Peer),
    Late = erlang:monotonic_time(millisecond) > Deadline,
    case Enough(New) of
        true -> put(Peer, get(Peer) + length(New)), New;
        false when Late -> error({felt, New});
        false -> timer:sleep(20), wait(Peer, Enough, Deadline)
    end.

felt(Peer) ->
    _ = get(Peer) =:= undefined andalso put(Peer, 0),
    lists:nthtail(get(Peer), [parse(L) || {_, "felt " ++ L} <- peer:call(Peer, ?MODULE, lines, [])]).

parse(Line) ->
    #{<<"what">> := What, <<"peer">> := Name, <<"is">> := Is, <<"at_us">> := At} = Map = derl_json:decode(list_to_binary(Line)),
    ?assert(abs(os:system_time(microsecond) - At) < 20000000),
    For = case Map of
              #{<<"for_us">> := Us} -> {Us, maps:get(<<"messages">>, Map, 0)};
              _ -> none
          end,
    {binary_to_list(What), binary_to_atom(Name), binary_to_list(Is), For}.
