%% The nodes are known in advance. Each round returns the same nodes, and the poller retries those that are not connected.
-module(derl_discovery_static).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

%% A variable that neither Kubernetes nor the start script has replaced is not a valid host.
-define(NODE, "^[^@\\s$]+@[^@\\s$]+$").

-spec configure([{atom(), term()}]) -> {ok, [node()]} | {error, iolist()}.
configure(Env) ->
    Names = [string:trim(N) || N <- string:lexemes(proplists:get_value(nodes, Env, ""), ","), string:trim(N) =/= ""],
    case [N || N <- Names, re:run(N, ?NODE) =:= nomatch] of
        [] when Names =:= [] -> {error, "DISCOVERY_NODES is empty; it is a list of node names, with commas between them"};
        [] -> {ok, lists:usort([list_to_atom(N) || N <- Names])};
        [Bad | _] -> {error, io_lib:format("DISCOVERY_NODES contains ~0tp, which is not a node name (NAME@HOST)", [Bad])}
    end.

-spec find([node()]) -> {ok, [node()]}.
find(Nodes) -> {ok, Nodes}.
