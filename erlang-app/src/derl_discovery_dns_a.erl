%% The A records of a headless Service, one per pod: derl@ADDRESS each. A node that distributes over IPv6 asks for AAAA records.
-module(derl_discovery_dns_a).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, derl_dns:service()} | {error, iolist()}.
configure(Env) -> derl_dns:configure(Env).

-spec find(derl_dns:service()) -> {ok, [node()]} | {error, term()}.
find(#{name := Name, options := Options, family := Family}) ->
    case derl_dns:records(type(Family), Name, Options) of
        {ok, Addresses} -> {ok, lists:usort([derl_discovery:node_name(A) || A <- Addresses])};
        Error -> Error
    end.

-spec type(inet | inet6) -> a | aaaa.
type(inet) -> a;
type(inet6) -> aaaa.
