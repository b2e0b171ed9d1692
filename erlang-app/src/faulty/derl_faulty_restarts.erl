%% Faulty on purpose: begins anew whenever DNS changes. It disconnects all nodes, and connects to those that DNS has now, like a
%% discovery that is restarted, nodes and all, for each new configuration. In a deploy DNS changes with every pod.
-module(derl_faulty_restarts).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    case derl_discovery_dns_a:find(Settings) of
        {ok, Nodes} ->
            Found = lists:sort(Nodes),
            Changed = persistent_term:get(?MODULE, Found) =/= Found,
            ok = persistent_term:put(?MODULE, Found),
            _ = [erlang:disconnect_node(Node) || Changed, Node <- nodes()],
            {ok, Nodes};
        Error -> Error
    end.
