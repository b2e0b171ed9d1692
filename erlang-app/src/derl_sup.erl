-module(derl_sup).
-behaviour(supervisor).
-export([start_link/1, init/1]).

-spec start_link(derl_config:config()) -> {ok, pid()} | {error, term()}.
start_link(Config) ->
    case supervisor:start_link({local, ?MODULE}, ?MODULE, Config) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

-spec init(derl_config:config()) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init(#{ready_port := Port} = Config) ->
    {ok, {#{strategy => one_for_one, intensity => 5, period => 10},
          felt(Config) ++ large(Config) ++
          [#{id => derl_poller, start => {derl_poller, start_link, [Config]}},
           #{id => derl_ready, start => {derl_ready, start_link, [Port]}, shutdown => brutal_kill}]}}.

%% Before the poller: its name is in global before there is a peer, so that nobody waits for global's lock.
-spec felt(derl_config:config()) -> [supervisor:child_spec()].
felt(#{felt_interval := 0}) -> [];
felt(#{felt_interval := Interval}) ->
    [#{id => pg, start => {pg, start_link, [derl]}},
     #{id => derl_felt, start => {derl_felt, start_link, [Interval]}}].

-spec large(derl_config:config()) -> [supervisor:child_spec()].
large(#{large := 0}) -> [];
large(#{large := Interval}) -> [#{id => derl_large, start => {derl_large, start_link, [Interval]}}].
