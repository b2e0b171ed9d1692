%% The SRV records of the port named dist of the headless Service. Their targets are the pods' names, so the nodes are
%% derl@POD.SERVICE.NAMESPACE.svc.DOMAIN. Only pods of a StatefulSet have such names; for other pods the target is made
%% from the address (10-244-0-7.SERVICE...), which is in no node name. The port of the record is not used: it comes from epmd.
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
