%% The hosts in .hosts.erlang, as net_adm:world does it: epmd on each host tells who is registered there, and whoever
%% answers a ping is a node. So this method connects by itself, unlike all others; there is no world without a ping.
%%
%% net_adm:world asks one host after the other and waits for each without a limit: one address that drops packets would
%% hold back all hosts that stand behind it in the file. Hence a world of one host each, side by side.
-module(derl_discovery_hosts_file).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-define(LIMIT, 3000). % milliseconds; a host that needs longer has its turn again in the next round

-spec configure([{atom(), term()}]) -> {ok, pos_integer()}.
configure(Env) -> {ok, proplists:get_value(hosts_limit_ms, Env, ?LIMIT)}.

%% The file is read in each round: the current folder's, else that in HOME, else that of the release.
-spec find(pos_integer()) -> {ok, [node()]} | {error, term()}.
find(Limit) ->
    case net_adm:host_file() of
        {error, Reason} -> {error, {hosts_file, Reason}};
        Hosts ->
            case worlds(Hosts, Limit) of
                %% This node is in its own world: nobody at all is a fault, not an answer.
                [] -> {error, {no_node_on, Hosts}};
                Nodes -> {ok, Nodes}
            end
    end.

%% The processes are linked to the one of this round, and end with it if they hang.
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
