%% Runs discovery at an interval and connects to the nodes that are not connected.
%%
%% This process never blocks: each discovery round and each connection attempt runs in a separate process. An address that
%% drops packets blocks net_kernel:connect_node for seconds, and one dead peer must delay neither the other peers nor the
%% next round. No node is ever disconnected because of a discovery result: neither an error nor a missing name means that a
%% node is dead.
-module(derl_poller).
-behaviour(gen_server).
-include_lib("kernel/include/logger.hrl").
-export([start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).
-export([missing/4]).

-record(state, {config :: derl_config:config(),
                round = none :: none | pid(),
                attempts = #{} :: #{pid() => node()},
                %% What has been logged, so that each message is logged once and not in every round:
                found = none :: none | [node()],
                failures = [] :: [term()],             % of discovery, since it last succeeded
                parts = [] :: [{string(), term()}],    % of one method among several, since that one last succeeded
                troubles = #{} :: #{node() => [string()]}}). % with a peer, since it was last connected

-spec start_link(derl_config:config()) -> gen_server:start_ret().
start_link(Config) -> gen_server:start_link({local, ?MODULE}, ?MODULE, Config, []).

-spec init(derl_config:config()) -> {ok, #state{}}.
init(Config) ->
    ok = net_kernel:monitor_nodes(true, [nodedown_reason]),
    self() ! look,
    {ok, #state{config = Config}}.

-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, {error, unknown_request}, #state{}}.
handle_call(_Request, _From, State) -> {reply, {error, unknown_request}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_Message, State) -> {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info(look, #state{config = #{interval := Interval}} = State) ->
    _ = erlang:send_after(Interval, self(), look),
    {noreply, look(State)};
handle_info({give_up, Pid}, #state{round = Pid} = State) ->
    exit(Pid, kill),
    {noreply, State};
handle_info({'DOWN', _, process, Pid, Reason}, #state{round = Pid, config = #{round_limit := Limit}} = State) ->
    {noreply, case Reason of
                  {found, {ok, Nodes}} -> connect(Nodes, found(Nodes, State#state{round = none, parts = []}));
                  {found, {ok, Nodes, Parts}} -> connect(Nodes, found(Nodes, parts(Parts, State#state{round = none})));
                  {found, {error, Error}} -> failed(Error, State#state{round = none});
                  killed -> failed({no_answer_after_ms, Limit}, State#state{round = none});
                  Other -> failed(Other, State#state{round = none})
              end};
handle_info({'DOWN', _, process, Pid, Reason}, #state{attempts = Attempts} = State) when is_map_key(Pid, Attempts) ->
    {Node, Left} = maps:take(Pid, Attempts),
    {noreply, case Reason of
                  {result, connected} -> State#state{attempts = Left};
                  {result, {failed, Why}} -> trouble(Node, Why, State#state{attempts = Left});
                  Crash -> trouble(Node, lists:flatten(io_lib:format("~0tp", [Crash])), State#state{attempts = Left})
              end};
handle_info({nodeup, Node, _Info}, #state{troubles = Troubles} = State) ->
    ?LOG_INFO("connected to ~ts (~b connected)", [Node, length(nodes())]),
    {noreply, State#state{troubles = maps:remove(Node, Troubles)}};
handle_info({nodedown, Node, Info}, State) ->
    ?LOG_INFO("lost ~ts: ~0tp (~b connected)", [Node, proplists:get_value(nodedown_reason, Info), length(nodes())]),
    {noreply, State};
handle_info(_Message, State) ->
    {noreply, State}.

%% Starts a round, unless the last one is still running.
-spec look(#state{}) -> #state{}.
look(#state{round = none, config = #{method := Method, settings := Settings, round_limit := Limit}} = State) ->
    {Pid, _} = apart(found, fun() -> Method:find(Settings) end),
    _ = erlang:send_after(Limit, self(), {give_up, Pid}),
    State#state{round = Pid};
look(State) -> State.

%% Runs F in a process that exits with {Tag, Result of F}. A crash also becomes an exit reason, so that the VM does not log
%% it each time.
-spec apart(atom(), fun(() -> term())) -> {pid(), reference()}.
apart(Tag, F) ->
    spawn_monitor(fun() ->
                          Result = try F() catch Class:Reason -> exit({Class, Reason}) end,
                          exit({Tag, Result})
                  end).

-spec connect([node()], #state{}) -> #state{}.
connect(Found, #state{attempts = Attempts} = State) ->
    New = [begin
               {Pid, _} = apart(result, fun() -> derl_peer:connect(Node) end),
               {Pid, Node}
           end || Node <- missing(Found, node(), nodes(connected), maps:values(Attempts))],
    State#state{attempts = maps:merge(Attempts, maps:from_list(New))}.

%% The nodes to connect to: those found, without this node, connected nodes, and nodes with a running attempt.
-spec missing([node()], node(), [node()], [node()]) -> [node()].
missing(Found, Self, Connected, Tried) -> ((Found -- [Self]) -- Connected) -- Tried.

-spec found([node()], #state{}) -> #state{}.
found(Nodes, #state{found = Nodes, failures = []} = State) -> State;
found(Nodes, #state{troubles = Troubles} = State) ->
    ?LOG_INFO("discovery finds ~b: ~ts", [length(Nodes), lists:join(" ", [atom_to_list(N) || N <- Nodes])]),
    State#state{found = Nodes, failures = [], troubles = maps:with(Nodes, Troubles)}.

-spec parts([{string(), term()}], #state{}) -> #state{}.
parts(Failing, #state{parts = Said} = State) ->
    Still = [Part || {Name, _} = Part <- Said, lists:keymember(Name, 1, Failing)],
    New = Failing -- Still,
    _ = [?LOG_WARNING("discovery by ~ts fails: ~0tp; the other methods go on", [Name, Reason]) || {Name, Reason} <- New],
    State#state{parts = New ++ Still}.

-spec failed(term(), #state{}) -> #state{}.
failed(Reason, #state{failures = Failures} = State) ->
    case lists:member(Reason, Failures) of
        true -> State;
        false ->
            ?LOG_WARNING("discovery fails: ~0tp; connections stay as they are", [Reason]),
            State#state{failures = [Reason | Failures]}
    end.

-spec trouble(node(), string(), #state{}) -> #state{}.
trouble(Node, Why, #state{troubles = Troubles} = State) ->
    Said = maps:get(Node, Troubles, []),
    %% The peer may have connected to us meanwhile.
    case lists:member(Node, nodes(connected)) orelse lists:member(Why, Said) of
        true -> State;
        false ->
            ?LOG_WARNING("cannot connect to ~ts: ~ts", [Node, Why]),
            State#state{troubles = Troubles#{Node => [Why | Said]}}
    end.
