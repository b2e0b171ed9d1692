%% The hosts in .hosts.erlang, as in net_adm:world: epmd on each host lists the registered names, and each name that answers
%% a ping is a node. So this method, unlike all others, connects by itself: net_adm:world always pings.
%%
%% net_adm:world queries one host after the other, without a timeout: one address that drops packets would delay all hosts
%% after it in the file. So net_adm:world_list is called for each host separately, at the same time.
-module(derl_discovery_hosts_file).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-define(LIMIT, 3000). % milliseconds; a slower host is tried again in the next round

-spec configure([{atom(), term()}]) -> {ok, pos_integer()}.
configure(Env) -> {ok, proplists:get_value(hosts_limit_ms, Env, ?LIMIT)}.

%% The file is read in each round: from the current folder, else from HOME, else from the release.
-spec find(pos_integer()) -> {ok, [node()]} | {error, term()}.
find(Limit) ->
    case net_adm:host_file() of
        {error, Reason} -> {error, {hosts_file, Reason}};
        Hosts ->
            case worlds(Hosts, Limit) of
                %% The result should contain at least this node, so an empty one is an error.
                [] -> {error, {no_node_on, Hosts}};
                Nodes -> {ok, Nodes}
            end
    end.

%% The processes are linked to that of this round, so they end with it if they hang.
-spec worlds([atom()], pos_integer()) -> [node()].
worlds(Hosts, Limit) ->
    Self = self(),
    Timer = erlang:start_timer(Limit, Self, worlds),
    Asked = [spawn_link(fun() -> Self ! {self(), world(Host)} end) || Host <- Hosts],
    lists:usort(collect(Asked, Timer)).

-spec world(atom()) -> [node()].
world(Host) ->
    try net_adm:world_list([Host]) catch _:_ -> [] end.

-spec collect([pid()], reference()) -> [node()].
collect([], Timer) ->
    _ = erlang:cancel_timer(Timer),
    [];
collect(Asked, Timer) ->
    receive
        {timeout, Timer, worlds} -> [];
        {Pid, Nodes} when is_pid(Pid) -> Nodes ++ collect(lists:delete(Pid, Asked), Timer)
    end.
