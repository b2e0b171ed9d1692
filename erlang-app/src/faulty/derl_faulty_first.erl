%% Faulty on purpose: returns only the first address of the Service, like a seed node. The mesh is complete only because
%% nodes connect to the peers of their peers (connect_all).
-module(derl_faulty_first).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    case derl_discovery_dns_a:find(Settings) of
        {ok, Nodes} -> {ok, lists:sublist(Nodes, 1)};
        Error -> Error
    end.
