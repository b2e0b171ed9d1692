%% Faulty on purpose: asks each connected node in every round whether it is there, and disconnects those that do not answer at once. A
%% heartbeat of one's own gives a peer up long before OTP's ticks do.
-module(derl_faulty_impatient).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-define(PATIENCE, 2000).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    Nodes = nodes(),
    Asked = erpc:multicall(Nodes, erlang, node, [], ?PATIENCE),
    _ = [erlang:disconnect_node(Node) || {Node, {error, {erpc, timeout}}} <- lists:zip(Nodes, Asked)],
    derl_discovery_dns_a:find(Settings).
