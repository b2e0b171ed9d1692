%% The nodes are known in advance. Nobody is asked: each round names the same ones, and the poller tries those that are not
%% connected, for as long as it takes.
-module(derl_discovery_static).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

%% What Kubernetes or the start script did not replace would be a host that nobody can be.
-define(NODE, "^[^@\\s$]+@[^@\\s$]+$").

-spec configure([{atom(), term()}]) -> {ok, [node()]} | {error, iolist()}.
configure(Env) ->
    Names = [string:trim(N) || N <- string:lexemes(proplists:get_value(nodes, Env, ""), ","), string:trim(N) =/= ""],
    case [N || N <- Names, re:run(N, ?NODE) =:= nomatch] of
        [] when Names =:= [] -> {error, "DISCOVERY_NODES is empty; it is a list of node names, with commas between them"};
        [] -> {ok, lists:usort([list_to_atom(N) || N <- Names])};
        [Bad | _] -> {error, io_lib:format("DISCOVERY_NODES has ~0tp in it, which is no node name (NAME@HOST)", [Bad])}
    end.

-spec find([node()]) -> {ok, [node()]}.
find(Nodes) -> {ok, Nodes}.
