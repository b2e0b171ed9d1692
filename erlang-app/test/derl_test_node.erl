%% A real node on an address of the loopback network (Linux: all of 127.0.0.0/8). epmd is left out: all nodes listen on one
%% port, each on its address. The tests speak to it through standard input and output, so that the mesh is theirs alone.
-module(derl_test_node).
-export([start/3]).

start(Address, Port, Options) ->
    Paths = [filename:dirname(code:which(M)) || M <- [derl_app, ?MODULE]],
    {ok, Peer, Node} = peer:start(#{
        name => "derl", host => inet:ntoa(Address), longnames => true, connection => standard_io,
        env => maps:get(env, Options, []),
        args => ["-setcookie", "test", "-start_epmd", "false", "-erl_epmd_port", integer_to_list(Port),
                 "-kernel", "inet_dist_use_interface", lists:flatten(io_lib:format("~w", [Address])),
                 "-kernel", "logger_level", "none"] ++ maps:get(args, Options, []) ++ ["-pa" | Paths]}),
    Node = derl_discovery:node_name(Address),
    Peer.
