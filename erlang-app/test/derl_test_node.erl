%% A real node on an address of the loopback network (Linux: all of 127.0.0.0/8). There is no epmd: all nodes listen on the
%% same port, each on its own address. The tests use stdin and stdout, so that they do not become part of the mesh.
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
