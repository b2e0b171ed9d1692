%% Faulty on purpose: stops querying DNS as soon as an answer contains another node. The mesh is complete, but nodes that
%% start later are not discovered. The fault is not visible until then.
-module(derl_faulty_satisfied).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    case persistent_term:get(?MODULE, none) of
        none ->
            Answer = derl_discovery_dns_a:find(Settings),
            case Answer of
                {ok, Nodes} when Nodes =/= [], Nodes =/= [node()] -> ok = persistent_term:put(?MODULE, Answer);
                _ -> ok
            end,
            Answer;
        Answer -> Answer
    end.
