%% Sends each connected node a message of 64 KB now and then, as an application does that replicates data. On a path that loses large
%% packets ticks alone pass, and the link looks well until the first such message.
-module(derl_large).
-behaviour(gen_server).
-export([start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2]).

-define(BYTES, 65536).

%% Interval is in milliseconds.
-spec start_link(pos_integer()) -> gen_server:start_ret().
start_link(Interval) -> gen_server:start_link({local, ?MODULE}, ?MODULE, Interval, []).

-spec init(pos_integer()) -> {ok, pos_integer()}.
init(Interval) ->
    _ = erlang:send_after(Interval, self(), send),
    {ok, Interval}.

-spec handle_call(term(), gen_server:from(), pos_integer()) -> {reply, {error, unknown_request}, pos_integer()}.
handle_call(_Request, _From, Interval) -> {reply, {error, unknown_request}, Interval}.

-spec handle_cast(term(), pos_integer()) -> {noreply, pos_integer()}.
handle_cast(_Message, Interval) -> {noreply, Interval}.

%% A full connection drops the message: nobody waits for it.
-spec handle_info(term(), pos_integer()) -> {noreply, pos_integer()}.
handle_info(send, Interval) ->
    Message = {large, binary:copy(<<0>>, ?BYTES)},
    _ = [erlang:send({?MODULE, Node}, Message, [nosuspend, noconnect]) || Node <- nodes()],
    _ = erlang:send_after(Interval, self(), send),
    {noreply, Interval};
handle_info(_Message, Interval) ->
    {noreply, Interval}.
