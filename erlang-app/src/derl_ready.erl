%% Accepts connections and closes them, for a readiness probe with tcpSocket. It listens as soon as the application runs.
%% Then distribution is up and the node is registered with epmd: kernel starts first, and the VM stops if either fails.
%%
%% Other ports are less suitable: epmd starts first and on a busy machine answers seconds before the node does. A probe of
%% the distribution port would depend on the configuration of distribution (TLS, its interface).
-module(derl_ready).
-export([start_link/1, init/1]).

-spec start_link(inet:port_number()) -> {ok, pid()} | {error, term()}.
start_link(Port) -> proc_lib:start_link(?MODULE, init, [Port]).

-spec init(inet:port_number()) -> no_return().
init(Port) ->
    case listen(Port) of
        {ok, Listener} ->
            true = register(?MODULE, self()),
            proc_lib:init_ack({ok, self()}),
            loop(Listener);
        {error, Reason} ->
            proc_lib:init_ack({error, {ready_port, Port, Reason}}),
            exit(normal)
    end.

%% The kubelet dials the pod's address, which may be of either family, whatever distribution uses.
-spec listen(inet:port_number()) -> {ok, gen_tcp:socket()} | {error, inet:posix()}.
listen(Port) ->
    Options = [{reuseaddr, true}, {backlog, 16}],
    case gen_tcp:listen(Port, [inet6, {ipv6_v6only, false} | Options]) of
        {error, None} when None =:= eafnosupport; None =:= eaddrnotavail -> gen_tcp:listen(Port, Options); % no IPv6 here
        Result -> Result
    end.

-spec loop(gen_tcp:socket()) -> no_return().
loop(Listener) ->
    case gen_tcp:accept(Listener) of
        {ok, Socket} -> gen_tcp:close(Socket);
        {error, closed} -> exit(listener_closed);
        {error, _} -> timer:sleep(100) % the client has disconnected already, or there are too many open files
    end,
    loop(Listener).
