%% Faulty on purpose: when a node has lost a peer, it disconnects all others, as code does that wants to be on one side of a partition.
-module(derl_faulty_leaves).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    case persistent_term:get(?MODULE, []) -- nodes() of
        [] -> ok;
        _Lost -> lists:foreach(fun erlang:disconnect_node/1, nodes())
    end,
    ok = persistent_term:put(?MODULE, nodes()),
    derl_discovery_dns_a:find(Settings).
