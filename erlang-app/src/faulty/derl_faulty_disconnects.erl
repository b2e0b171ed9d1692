%% Faulty on purpose: disconnects nodes that are no longer in DNS, as libcluster's DNS strategies do. A pod that is shutting
%% down leaves DNS first: it is disconnected, connects again, and disturbs the mesh until its process exits.
-module(derl_faulty_disconnects).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    case derl_discovery_dns_a:find(Settings) of
        {ok, Nodes} ->
            _ = [erlang:disconnect_node(Node) || Node <- nodes() -- Nodes],
            {ok, Nodes};
        Error -> Error
    end.
