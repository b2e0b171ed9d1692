%% A DNS server on a free port of 127.0.0.1, UDP and TCP. Its answer to every query can be changed at any time:
%% the addresses, the targets of SRV records, an error code of RFC 1035 (nxdomain is 3, servfail 2), or silence.
-module(derl_test_dns).
-export([start/1, answer/2, resolver/1, questions/1, stop/1]).

-define(NXDOMAIN, 3).
-define(SERVFAIL, 2).
-define(MAX_UDP, 512).

start(Answer) ->
    Self = self(),
    Pid = spawn_link(fun() ->
        process_flag(trap_exit, true),
        {ok, Udp} = gen_udp:open(0, [binary, {ip, {127, 0, 0, 1}}, {active, true}]),
        {ok, Port} = inet:port(Udp),
        {ok, Tcp} = gen_tcp:listen(Port, [binary, {ip, {127, 0, 0, 1}}, {packet, 2}, {active, false}]),
        Server = self(),
        spawn_link(fun() -> tcp(Tcp, Server) end),
        Self ! {self(), Port},
        loop(Udp, Answer, 0)
    end),
    receive {Pid, Port} -> {Pid, Port} end.

%% Answer :: [inet:ip_address() | {srv, string()}] | nxdomain | servfail | silence.
answer({Pid, _}, Answer) -> Pid ! {answer, Answer}, ok.

%% The number of queries received over UDP.
questions({Pid, _}) ->
    Pid ! {questions, self()},
    receive {questions, N} -> N end.

resolver({_, Port}) -> [{nameservers, [{{127, 0, 0, 1}, Port}]}].

stop({Pid, _}) ->
    Ref = monitor(process, Pid),
    unlink(Pid),
    exit(Pid, kill),
    receive {'DOWN', Ref, _, _, _} -> ok end.

loop(Udp, Answer, N) ->
    receive
        {answer, New} -> loop(Udp, New, N);
        {questions, From} -> From ! {questions, N}, loop(Udp, Answer, N);
        {tcp_question, From, Question} -> From ! {tcp_answer, reply(Question, Answer)}, loop(Udp, Answer, N);
        {udp, Udp, _, _, _} when Answer =:= silence -> loop(Udp, Answer, N + 1);
        {udp, Udp, Ip, Port, Question} ->
            Reply = case reply(Question, Answer) of
                        Long when byte_size(Long) > ?MAX_UDP -> truncated(Question);
                        Short -> Short
                    end,
            ok = gen_udp:send(Udp, Ip, Port, Reply),
            loop(Udp, Answer, N + 1)
    end.

tcp(Listener, Server) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    {ok, Question} = gen_tcp:recv(Socket, 0, 1000),
    Server ! {tcp_question, self(), Question},
    receive {tcp_answer, Reply} -> ok = gen_tcp:send(Socket, Reply) end,
    ok = gen_tcp:close(Socket),
    tcp(Listener, Server).

%% Header (RFC 1035, 4.1.1), the question as received, and one record per answer with a pointer to the question's name.
reply(Question, nxdomain) -> message(Question, 0, ?NXDOMAIN, []);
reply(Question, servfail) -> message(Question, 0, ?SERVFAIL, []);
reply(Question, Records) -> message(Question, 0, 0, Records).

truncated(Question) -> message(Question, 1, 0, []).

message(<<Id:16, _:80, Asked/binary>>, Truncated, Code, Answers) ->
    Records = << <<(record(Answer))/binary>> || Answer <- Answers >>,
    <<Id:16, 1:1, 0:4, 1:1, Truncated:1, 1:1, 1:1, 0:3, Code:4, 1:16, (length(Answers)):16, 0:32,
      Asked/binary, Records/binary>>.

%% Type A is 1, AAAA (RFC 3596) is 28, SRV (RFC 2782) is 33.
record({A, B, C, D}) -> record(1, <<A, B, C, D>>);
record(Wide) when tuple_size(Wide) =:= 8 -> record(28, << <<Part:16>> || Part <- tuple_to_list(Wide) >>);
record({srv, Target}) ->
    Labels = << <<(length(Label)), (list_to_binary(Label))/binary>> || Label <- string:lexemes(Target, ".") >>,
    record(33, <<0:16, 33:16, 10000:16, Labels/binary, 0>>).

record(Type, Data) -> <<3:2, 12:14, Type:16, 1:16, 30:32, (byte_size(Data)):16, Data/binary>>.
