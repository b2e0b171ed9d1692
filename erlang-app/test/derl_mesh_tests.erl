%% Real nodes with a real DNS server: the whole application without Kubernetes.
-module(derl_mesh_tests).
-include_lib("eunit/include/eunit.hrl").

-define(A, {127, 0, 0, 2}).
-define(B, {127, 0, 0, 3}).
-define(C, {127, 0, 0, 4}).
-define(SILENT, {127, 0, 0, 9}).
-define(INTERVAL, 100).
-define(BUDGET, 5000). % less than net_setuptime, which an attempt at a silent peer lasts

mesh_test_() -> {timeout, 60, fun mesh/0}.

mesh() ->
    {ok, Silent} = gen_tcp:listen(0, [{ip, ?SILENT}, {active, false}, {backlog, 16}]),
    {ok, Port} = inet:port(Silent),
    Dns = derl_test_dns:start([?A, ?B, ?C, ?SILENT]),
    [A, B, C] = Nodes = start([?A, ?B, ?C], Port, Dns),

    %% A peer that accepts connections and never answers delays neither the mesh nor the next DNS query, and each node has at
    %% most one attempt to it at a time.
    full(Nodes),
    rounds(Dns, 6),
    ?assertEqual(3, waiting(Silent)),
    ok = gen_tcp:close(Silent),

    %% No node is disconnected because of a DNS answer: the links stay the same.
    Links = links(Nodes),
    [begin
         ok = derl_test_dns:answer(Dns, Answer),
         rounds(Dns, 6),
         ?assertEqual(Links, links(Nodes))
     end || Answer <- [nxdomain, [], [?A]]],
    ok = derl_test_dns:answer(Dns, silence),
    timer:sleep(500),
    ?assertEqual(Links, links(Nodes)),

    %% A node ends, and another one starts at its address.
    ok = derl_test_dns:answer(Dns, [?A, ?B, ?C]),
    stop(C),
    views([A, B], fun(_) -> 1 end),
    [C2] = start([?C], Port, Dns),
    full([A, B, C2]),

    %% The poller is killed, and its successor restores a broken link.
    Old = call(A, erlang, whereis, [derl_poller]),
    true = call(A, erlang, exit, [Old, kill]),
    true = call(A, erlang, disconnect_node, [name(?B)]),
    full([A, B, C2]),
    ?assertNotEqual(Old, call(A, erlang, whereis, [derl_poller])),

    lists:foreach(fun stop/1, [A, B, C2]),
    derl_test_dns:stop(Dns).

name(Address) -> derl_discovery:node_name(Address).

start(Addresses, Port, Dns) ->
    Self = self(),
    Starters = [spawn_link(fun() -> Self ! {self(), start_one(Address, Port, Dns)} end) || Address <- Addresses],
    [receive {Pid, Node} -> Node end || Pid <- Starters].

start_one(Address, Port, Dns) ->
    Peer = derl_test_node:start(Address, Port, #{}),
    ok = peer:call(Peer, application, load, [derl]),
    ok = peer:call(Peer, application, set_env, [[{derl, [{dns_name, "derl.ns.svc.cluster.local"}, {ready_port, 0},
                                                        {interval_ms, ?INTERVAL},
                                                        {resolver, derl_test_dns:resolver(Dns)}]}]]),
    {ok, _} = peer:call(Peer, application, ensure_all_started, [derl]),
    Peer.

stop(Peer) -> ok = peer:stop(Peer).

call(Peer, M, F, A) -> peer:call(Peer, M, F, A).

full(Peers) -> views(Peers, fun(All) -> length(All) - 1 end).

%% Waits until each node is connected to the wanted number of other nodes.
views(Peers, Wanted) -> views(Peers, Wanted(Peers), erlang:monotonic_time(millisecond) + ?BUDGET).

views(Peers, N, Deadline) ->
    Views = [call(P, erlang, nodes, []) || P <- Peers],
    Enough = lists:all(fun(V) -> length(V) =:= N end, Views),
    Late = erlang:monotonic_time(millisecond) > Deadline,
    if
        Enough -> ok;
        Late -> error({views_after_ms, ?BUDGET, N, Views});
        true -> timer:sleep(20), views(Peers, N, Deadline)
    end.

%% The controller of each link; it changes when a link is lost and established again.
links(Peers) -> [lists:sort(call(P, erlang, system_info, [dist_ctrl])) || P <- Peers].

%% Waits for N more DNS queries.
rounds(Dns, N) -> rounds(Dns, derl_test_dns:questions(Dns) + N, erlang:monotonic_time(millisecond) + ?BUDGET).

rounds(Dns, Wanted, Deadline) ->
    Asked = derl_test_dns:questions(Dns),
    Late = erlang:monotonic_time(millisecond) > Deadline,
    if
        Asked >= Wanted -> ok;
        Late -> error({dns_asked, Asked, wanted, Wanted});
        true -> timer:sleep(20), rounds(Dns, Wanted, Deadline)
    end.

%% The number of connections in the backlog of a listener.
waiting(Listener) ->
    case gen_tcp:accept(Listener, 0) of
        {ok, _Socket} -> 1 + waiting(Listener);
        {error, timeout} -> 0
    end.
