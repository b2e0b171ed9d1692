%% Faulty on purpose: queries DNS once, when the node starts, and keeps that answer. A node that starts before its peers are
%% in DNS never finds them.
-module(derl_faulty_once).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    case persistent_term:get(?MODULE, none) of
        none ->
            Answer = derl_discovery_dns_a:find(Settings),
            ok = persistent_term:put(?MODULE, Answer),
            Answer;
        Answer -> Answer
    end.
