%% Faulty on purpose: discovery ends when the first peer is lost, like a loop that assumes that its peers never go away. The
%% mesh is complete, and complete again when a replacement has started, because the replacement discovers the others.
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
        _Gone -> {ok, []} % Known does not change, so DNS is never queried again
    end.
