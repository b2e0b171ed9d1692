%% Two real nodes that query each other's host, with a separate epmd: the build's epmd has other nodes, or does not run.
-module(derl_discovery_hosts_file_tests).
-include_lib("eunit/include/eunit.hrl").
-export([find/1]).

-define(PORT, 19123).
-define(LIMIT, 300).

hosts_file_test_() -> {timeout, 30, fun hosts_file/0}.

hosts_file() ->
    Home = filename:join(filename:dirname(code:which(?MODULE)), "hosts_file_home"),
    Start = fun(Address) ->
        derl_test_node:start(Address, ?PORT, #{env => [{"HOME", Home}], args => ["-epmd_module", "derl_test_epmd"]})
    end,
    [A, B] = Nodes = [Start(Address) || Address <- [{127, 0, 0, 2}, {127, 0, 0, 3}]],
    Find = fun(Text) -> peer:call(A, ?MODULE, find, [Text]) end,

    %% An invalid file is an error, and so is a result without even this node.
    ?assertEqual({error, {hosts_file, enoent}}, Find(none)),
    ?assertMatch({error, {hosts_file, {1, _, _}}}, Find("'unfinished\n")),
    ?assertEqual({error, {no_node_on, []}}, Find("")),
    ?assertEqual({error, {no_node_on, ['127.0.0.8']}}, Find("'127.0.0.8'.\n")),

    %% Hosts that do not answer do not delay the hosts after them in the file; found nodes are also connected.
    ?assertEqual({ok, ['derl@127.0.0.2', 'derl@127.0.0.3']}, Find("'127.0.0.9'.\n'127.0.0.8'.\n'127.0.0.2'.\n'127.0.0.3'.\n")),
    ?assertEqual(['derl@127.0.0.3'], peer:call(A, erlang, nodes, [])),
    ?assertEqual(['derl@127.0.0.2'], peer:call(B, erlang, nodes, [])),
    lists:foreach(fun peer:stop/1, Nodes).

%% One round on this node, with that file in its HOME.
find(Text) ->
    {ok, [[Home]]} = init:get_argument(home),
    File = filename:join(Home, ".hosts.erlang"),
    ok = filelib:ensure_dir(File),
    _ = Text =:= none orelse (ok = file:write_file(File, Text)),
    {ok, Settings} = derl_discovery_hosts_file:configure([{hosts_limit_ms, ?LIMIT}]),
    Result = derl_discovery_hosts_file:find(Settings),
    _ = file:delete(File),
    Result.
