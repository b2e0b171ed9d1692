%% The SRV records of the headless Service's port that is named dist. Their targets are the pods' own names, so that the
%% nodes are derl@POD.SERVICE.NAMESPACE.svc.DOMAIN. Only a StatefulSet's pods have such names; for others the target is made
%% of the address (10-244-0-7.SERVICE...), which no node calls itself. The port in the record is not used: epmd tells it.
-module(derl_discovery_dns_srv).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-define(PORT, "_dist._tcp.").

-spec configure([{atom(), term()}]) -> {ok, derl_dns:service()} | {error, iolist()}.
configure(Env) -> derl_dns:configure(Env).

-spec find(derl_dns:service()) -> {ok, [node()]} | {error, term()}.
find(#{name := Name, options := Options}) ->
    case derl_dns:records(srv, ?PORT ++ Name, Options) of
        {ok, Services} -> {ok, lists:usort([derl_discovery:node_name(Target) || {_, _, _, Target} <- Services])};
        Error -> Error
    end.
