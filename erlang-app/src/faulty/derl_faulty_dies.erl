%% Faulty on purpose: ends with the first peer that is gone, as a loop does that takes it for granted that those it found stay.
%% The mesh is whole, and so it is again when a replacement has come: that one looks for the others by its own loop.
-module(derl_faulty_dies).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    Known = persistent_term:get(?MODULE, []),
    case Known -- nodes() of
        [] ->
            ok = persistent_term:put(?MODULE, nodes()),
            derl_discovery_dns_a:find(Settings);
        _Gone -> {ok, []} % and Known stays, so that it never asks again
    end.
