%% Faulty with a short name: inet_res:lookup does not use the search list and returns an empty list for every error. With
%% the Service's full name it works.
-module(derl_faulty_lookup).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) ->
    case proplists:get_value(dns_name, Env, "") of
        "" -> {error, "DISCOVERY_NAME is empty"};
        Given ->
            case derl_dns:full(Given, Env) of
                {ok, Name} -> {ok, {Name, proplists:get_value(resolver, Env, [])}};
                {error, Why} -> {error, ["DISCOVERY_NAME is ", Given, ", but ", Why]}
            end
    end.

-spec find(term()) -> {ok, [node()]}.
find({Name, Options}) ->
    {ok, lists:usort([derl_discovery:node_name(A) || A <- inet_res:lookup(Name, in, a, Options, 2000)])}.
