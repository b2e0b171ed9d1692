%% Faulty on purpose: a process of the application takes a minute to end, as one that waits for its clients does: longer than the grace
%% period of the pod. The node handles SIGTERM, and is killed before it has stopped.
-module(derl_faulty_stops_late).
-behaviour(derl_discovery).
-export([configure/1, find/1, start_link/0]).

-define(LATE, 60000).

-spec configure([{atom(), term()}]) -> {ok, term()} | {error, iolist()}.
configure(Env) -> derl_discovery_dns_a:configure(Env).

-spec find(term()) -> {ok, [node()]} | {error, term()}.
find(Settings) ->
    _ = supervisor:start_child(derl_sup, #{id => ?MODULE, start => {?MODULE, start_link, []}, shutdown => ?LATE}),
    derl_discovery_dns_a:find(Settings).

%% It outlives the request of its supervisor to end.
-spec start_link() -> {ok, pid()}.
start_link() ->
    {ok, proc_lib:spawn_link(fun() ->
        process_flag(trap_exit, true),
        timer:sleep(infinity)
    end)}.
