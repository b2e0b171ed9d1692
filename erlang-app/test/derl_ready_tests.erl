-module(derl_ready_tests).
-include_lib("eunit/include/eunit.hrl").

%% Far more probes than the backlog: each connection is accepted and closed at once, and none is left open.
accepts_and_closes_test() ->
    {ok, Pid} = derl_ready:start_link(0),
    {links, Links} = process_info(Pid, links),
    [Listener] = [L || L <- Links, is_port(L)],
    {ok, Port} = inet:port(Listener),
    Ports = length(erlang:ports()),
    %% Over IPv6, too, where the machine has it: a container that builds may not.
    Addresses = [A || A <- [{127, 0, 0, 1}, {0, 0, 0, 0, 0, 0, 0, 1}], A =:= {127, 0, 0, 1} orelse has(A)],
    [begin
         {ok, Socket} = gen_tcp:connect(Address, Port, [{active, false}], 1000),
         ?assertEqual({error, closed}, gen_tcp:recv(Socket, 0, 1000)),
         ok = gen_tcp:close(Socket)
     end || Address <- Addresses, _ <- lists:seq(1, 50)],
    ?assertEqual(Ports, length(erlang:ports())),
    ?assertMatch({error, {ready_port, Port, eaddrinuse}}, derl_ready:start_link(Port)),
    unlink(Pid),
    exit(Pid, kill).

has(Address) ->
    {ok, Interfaces} = inet:getifaddrs(),
    [] =/= [A || {_, Options} <- Interfaces, {addr, A} <- Options, A =:= Address].
