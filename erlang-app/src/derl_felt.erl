%% Notices what an application on this node notices of its peers: a message that gets no answer, a name in global or a member of a
%% group in pg that is no longer seen, a node that goes down or comes up. Each change is a line in the log, which meshproof reads:
%%
%%   felt {"what":"message","peer":"derl@10.244.0.7","is":"up","at_us":1764400000000000,"for_us":1523000,"messages":15}
%%
%% at_us is the wall clock of this node. for_us, measured on the VM's monotonic clock, is how long it was down, and messages is how
%% many messages got no answer in time meanwhile. Both are there only if it was down before.
%%
%% It changes nothing of the cluster: it sends to connected nodes only and never connects, and it drops a message where a full
%% connection would make it wait. All nodes together send at most 250 messages a second, however many they are: with more peers each
%% gets a message less often.
-module(derl_felt).
-behaviour(gen_server).
-include_lib("kernel/include/logger.hrl").
-export([start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).
-export_type([what/0]).

-define(SCOPE, derl).       % of pg
-define(GROUP, felt).
-define(SHARE, 4).          % milliseconds between two messages of the whole cluster
-define(MOST, 500).         % peers
-define(FORGET, 600000000). % a peer that has been down for so long, in microseconds

-type what() :: node | message | global | pg.
-type time() :: integer(). % the monotonic clock, in microseconds

-record(peer, {%% Of what was seen at least once: up, or down since then.
               seen = #{} :: #{what() => up | time()},
               pending = [] :: [time()],     % when the messages without an answer were sent that still may get one, oldest first
               lost = 0 :: non_neg_integer() % messages that got none in time, since one did
              }).

-record(state, {interval :: pos_integer(), % milliseconds
                limit :: time(),           % for an answer
                beat :: time(),            % the last one
                peers = #{} :: #{node() => #peer{}}}).

%% Interval is in milliseconds.
-spec start_link(pos_integer()) -> gen_server:start_ret().
start_link(Interval) -> gen_server:start_link({local, ?MODULE}, ?MODULE, Interval, []).

-spec init(pos_integer()) -> {ok, #state{}}.
init(Interval) ->
    %% What it notes are times. It does little, and delays nobody.
    _ = process_flag(priority, high),
    ok = net_kernel:monitor_nodes(true),
    Self = self(),
    ok = pg:join(?SCOPE, ?GROUP, Self),
    %% In a process of its own: with connected nodes it waits for global's lock.
    _ = spawn(fun() -> global:register_name(name(node()), Self, fun global:random_notify_name/3) end),
    Now = now_us(),
    self() ! beat,
    Peers = maps:from_list([{Node, up(node, Now, Node, #peer{})} || Node <- nodes()]),
    {ok, #state{interval = Interval, limit = 3000 * Interval, beat = Now, peers = Peers}}.

-spec handle_call(term(), gen_server:from(), #state{}) -> {reply, {error, unknown_request}, #state{}}.
handle_call(_Request, _From, State) -> {reply, {error, unknown_request}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_Message, State) -> {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info({ping, From, Sent}, State) when is_pid(From) ->
    _ = send(From, {pong, node(), Sent}),
    {noreply, State};
handle_info({pong, Node, Sent}, #state{peers = Peers} = State) when is_map_key(Node, Peers) ->
    Peer = up(message, now_us(), Node, maps:get(Node, Peers)),
    {noreply, State#state{peers = Peers#{Node := Peer#peer{pending = lists:delete(Sent, Peer#peer.pending)}}}};
handle_info(beat, #state{interval = Interval, limit = Limit, beat = Last, peers = Peers} = State) ->
    Now = now_us(),
    %% If this node itself was late, answers may have come that are not read yet: messages are judged at the next beat.
    Punctual = Now - Last < 1000 * pause(Interval, Peers) + Limit div 3,
    Left = maps:filter(fun(_, Peer) -> not forgotten(Peer, Now) end, Peers),
    _ = erlang:send_after(pause(Interval, Left), self(), beat),
    {noreply, State#state{beat = Now, peers = maps:map(fun(Node, Peer) -> beat(Node, Peer, Now, Limit, Punctual) end, Left)}};
handle_info({nodeup, Node}, #state{peers = Peers} = State) when is_map_key(Node, Peers); map_size(Peers) < ?MOST ->
    {noreply, State#state{peers = Peers#{Node => up(node, now_us(), Node, maps:get(Node, Peers, #peer{}))}}};
handle_info({nodedown, Node}, #state{peers = Peers} = State) when is_map_key(Node, Peers) ->
    Now = now_us(),
    {noreply, State#state{peers = Peers#{Node := look(Node, down(node, Now, Node, maps:get(Node, Peers)), Now)}}};
handle_info(_Message, State) ->
    {noreply, State}.

-spec pause(pos_integer(), #{node() => #peer{}}) -> pos_integer().
pause(Interval, Peers) -> max(Interval, ?SHARE * map_size(Peers) * map_size(Peers)).

-spec forgotten(#peer{}, time()) -> boolean().
forgotten(#peer{seen = #{node := Since}}, Now) when is_integer(Since) -> Since + ?FORGET < Now;
forgotten(_Peer, _Now) -> false.

%% Looks at a peer, counts the messages that got no answer, and sends it the next.
-spec beat(node(), #peer{}, time(), time(), boolean()) -> #peer{}.
beat(Node, Peer, Now, Limit, Punctual) ->
    #peer{pending = Pending} = Looked = look(Node, Peer, Now),
    {Late, Waiting} = case Punctual of
                          true -> lists:splitwith(fun(Sent) -> Sent + Limit =< Now end, Pending);
                          false -> {[], Pending}
                      end,
    Judged = lost(Late, Node, Looked#peer{pending = Waiting}),
    case send({?MODULE, Node}, {ping, self(), Now}) of
        ok -> Judged#peer{pending = Judged#peer.pending ++ [Now]};
        _ -> lost([Now], Node, Judged) % not connected, or the connection is full
    end.

-spec send(pid() | {atom(), node()}, term()) -> ok | nosuspend | noconnect.
send(To, Message) -> erlang:send(To, Message, [nosuspend, noconnect]).

-spec lost([time()], node(), #peer{}) -> #peer{}.
lost([Sent | _] = Late, Node, #peer{seen = #{message := _}} = Peer) ->
    #peer{lost = Lost} = Down = down(message, Sent, Node, Peer),
    Down#peer{lost = Lost + length(Late)};
lost(_, _Node, Peer) -> Peer. % all is well, or it never answered

-spec look(node(), #peer{}, time()) -> #peer{}.
look(Node, Peer, Now) ->
    Global = is_pid(global:whereis_name(name(Node))),
    Pg = lists:any(fun(Pid) -> node(Pid) =:= Node end, pg:get_members(?SCOPE, ?GROUP)),
    turn(pg, Pg, Now, Node, turn(global, Global, Now, Node, Peer)).

-spec turn(what(), boolean(), time(), node(), #peer{}) -> #peer{}.
turn(What, true, Now, Node, Peer) -> up(What, Now, Node, Peer);
turn(What, false, Now, Node, Peer) -> down(What, Now, Node, Peer).

-spec up(what(), time(), node(), #peer{}) -> #peer{}.
up(What, Now, Node, #peer{seen = Seen, lost = Lost} = Peer) ->
    case Seen of
        #{What := up} -> Peer;
        #{What := Since} when What =:= message ->
            say(What, Node, "up", Now, io_lib:format(",\"for_us\":~b,\"messages\":~b", [Now - Since, Lost])),
            Peer#peer{seen = Seen#{What := up}, lost = 0};
        #{What := Since} ->
            say(What, Node, "up", Now, io_lib:format(",\"for_us\":~b", [Now - Since])),
            Peer#peer{seen = Seen#{What := up}};
        _ ->
            say(What, Node, "up", Now, ""),
            Peer#peer{seen = Seen#{What => up}}
    end.

%% What was never up is not down.
-spec down(what(), time(), node(), #peer{}) -> #peer{}.
down(What, Now, Node, #peer{seen = Seen} = Peer) ->
    case Seen of
        #{What := up} ->
            say(What, Node, "down", Now, ""),
            Peer#peer{seen = Seen#{What := Now}};
        _ -> Peer
    end.

-spec say(what(), node(), string(), time(), iolist()) -> ok.
say(What, Node, Is, At, More) ->
    ?LOG_INFO("felt {\"what\":\"~s\",\"peer\":\"~ts\",\"is\":\"~s\",\"at_us\":~b~s}",
              [What, Node, Is, At + erlang:time_offset(microsecond), More]).

-spec name(node()) -> {module(), node()}.
name(Node) -> {?MODULE, Node}.

-spec now_us() -> time().
now_us() -> erlang:monotonic_time(microsecond).
