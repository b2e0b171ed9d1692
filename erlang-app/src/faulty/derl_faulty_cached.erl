%% Not wrong, but odd: inet_res:getbyname keeps an answer in its cache for the record's TTL and sends no query meanwhile, as
%% libcluster's Kubernetes.DNS does.
-module(derl_faulty_cached).
-behaviour(derl_discovery).
-include_lib("kernel/include/inet.hrl").
-export([configure/1, find/1]).

-spec configure([{atom(), term()}]) -> {ok, derl_dns:service()} | {error, iolist()}.
configure(Env) -> derl_dns:configure(Env).

-spec find(derl_dns:service()) -> {ok, [node()]} | {error, term()}.
find(#{name := Name}) ->
    case inet_res:getbyname(Name, a, 2000) of
        {ok, #hostent{h_addr_list = Addresses}} -> {ok, lists:usort([derl_discovery:node_name(A) || A <- Addresses])};
        {error, Reason} -> {error, Reason}
    end.
