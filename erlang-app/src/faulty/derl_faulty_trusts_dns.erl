%% Faulty on purpose: disconnects nodes that DNS does not name. inet_res:lookup gives an empty list for every error, so a DNS service
%% that does not answer for a moment takes the whole mesh apart.
-module(derl_faulty_trusts_dns).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_faulty_lookup:configure(Env).

-spec find(term()) -> {ok, [node()]}.
find(Settings) ->
    {ok, Nodes} = derl_faulty_lookup:find(Settings),
    _ = [erlang:disconnect_node(Node) || Node <- nodes() -- Nodes],
    {ok, Nodes}.
