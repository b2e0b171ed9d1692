%% Faulty on purpose: stops asking DNS as soon as an answer has named somebody else. The mesh is full, and whoever comes
%% later is not looked for: nobody sees it until then.
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
