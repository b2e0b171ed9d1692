%% The A records of a headless Service, one per pod: derl@ADDRESS each.
-module(derl_discovery_dns_a).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, derl_dns:service()} | {error, iolist()}.
configure(Env) -> derl_dns:configure(Env).

-spec find(derl_dns:service()) -> {ok, [node()]} | {error, term()}.
find(#{name := Name, options := Options}) ->
    case derl_dns:records(a, Name, Options) of
        {ok, Addresses} -> {ok, lists:usort([derl_discovery:node_name(A) || A <- Addresses])};
        Error -> Error
    end.
