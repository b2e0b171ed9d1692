%% Not wrong, but odd: A and AAAA records, so that each pod of a dual-stack Service has two names. A node has one of them; the
%% other is dialled in vain in each round.
-module(derl_faulty_both).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, derl_dns:service()} | {error, iolist()}.
configure(Env) -> derl_dns:configure(Env).

-spec find(derl_dns:service()) -> {ok, [node()]} | {error, term()}.
find(Service) ->
    case [derl_discovery_dns_a:find(Service#{family := Family}) || Family <- [inet, inet6]] of
        [{ok, Four}, {ok, Six}] -> {ok, lists:usort(Four ++ Six)};
        [Error, {ok, _}] -> Error;
        [_, Error] -> Error
    end.
