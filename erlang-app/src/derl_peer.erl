%% Connects to one peer. This may take net_setuptime (7 s) and more, so it runs in a process of its own.
-module(derl_peer).
-export([connect/1]).

-define(EPMD_TIMEOUT, 2000).

%% On failure, tells what can be known from here, for the log.
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
    case inet:getaddr(Host, inet) of
        {ok, _} -> why(Name, Host, init:get_argument(erl_epmd_port));
        {error, Reason} -> io_lib:format("its host ~ts cannot be resolved: ~0tp", [Host, Reason])
    end.

%% Without epmd all nodes listen on one port, and that of a peer is what ours is.
-spec why(string(), string(), {ok, [[string()]]} | error) -> iolist().
why(_Name, _Host, {ok, [[Port]]}) ->
    io_lib:format("connection or handshake failed on port ~ts (no route, nobody listens, or another cookie: see the peer's log)",
                  [Port]);
why(Name, Host, _) ->
    case (net_kernel:epmd_module()):port_please(Name, Host, ?EPMD_TIMEOUT) of
        {port, Port, _Version} ->
            io_lib:format("its epmd gives port ~b, but connection or handshake failed there "
                          "(no route, nobody listens, or another cookie: see the peer's log)", [Port]);
        noport -> ["its epmd knows no node ", Name];
        {error, Reason} -> io_lib:format("its epmd cannot be asked: ~0tp", [Reason]);
        Other -> io_lib:format("its epmd gave no answer: ~0tp", [Other])
    end.
