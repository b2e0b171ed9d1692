%% Connects to one peer. This may take net_setuptime (7 s) and more, so it runs in a separate process.
-module(derl_peer).
-export([connect/1]).

-define(EPMD_TIMEOUT, 2000).

%% A failure has a reason for the log, as far as it can be found from here.
-spec connect(node()) -> connected | {failed, string()}.
connect(Node) ->
    case net_kernel:connect_node(Node) of
        true -> connected;
        false -> {failed, lists:flatten(why(Node))};
        ignored -> {failed, "this node itself is not distributed"}
    end.

-spec why(node()) -> iolist().
why(Node) ->
    [Name, Host] = string:lexemes(atom_to_list(Node), "@"),
    case inet:getaddr(Host, derl_discovery:family()) of
        {ok, _} -> why(Name, Host, init:get_argument(erl_epmd_port));
        {error, Reason} -> io_lib:format("its host ~ts cannot be resolved: ~0tp", [Host, Reason])
    end.

%% Without epmd all nodes listen on the same port, so a peer's port is our own.
-spec why(string(), string(), {ok, [[string()]]} | error) -> iolist().
why(_Name, _Host, {ok, [[Port]]}) ->
    io_lib:format("connection or handshake failed on port ~ts (no route, no listener, or another cookie: see the peer's log)",
                  [Port]);
why(Name, Host, _) ->
    case (net_kernel:epmd_module()):port_please(Name, Host, ?EPMD_TIMEOUT) of
        {port, Port, _Version} ->
            io_lib:format("its epmd returned port ~b, but connection or handshake failed on that port "
                          "(no route, no listener, or another cookie: see the peer's log)", [Port]);
        noport -> ["no node is registered with its epmd as ", Name];
        {error, Reason} -> io_lib:format("cannot query its epmd: ~0tp", [Reason]);
        Other -> io_lib:format("its epmd did not answer: ~0tp", [Other])
    end.
