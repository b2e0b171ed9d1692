%% Several methods, called in order in every round. Each runs in a separate process and has its share of the round's time,
%% so that a method that fails, crashes or hangs does not stop the next one. The result is what any of them finds. The round
%% fails only if all of them fail.
-module(derl_discovery_chain).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-type link() :: {string(), module(), Settings :: term()}.
-type answer() :: {ok, [node()]} | {error, term()}.

%% discovery is the list of methods; each reads its own settings from the same environment. The time is divided by one more
%% than the number of methods, so that the round ends in time even if all of them hang.
-spec configure([{atom(), term()}]) -> {ok, {pos_integer(), [link()]}} | {error, iolist()}.
configure(Env) ->
    Names = derl_discovery:names(proplists:get_value(discovery, Env)),
    Share = max(1, proplists:get_value(round_limit_ms, Env) div (length(Names) + 1)),
    links(Names, Env, Share, []).

-spec links([string()], [{atom(), term()}], pos_integer(), [link()]) -> {ok, {pos_integer(), [link()]}} | {error, iolist()}.
links([], _Env, Share, Links) -> {ok, {Share, lists:reverse(Links)}};
links([Name | Names], Env, Share, Links) ->
    case derl_discovery:method(Name) of
        {ok, Module} ->
            case Module:configure(Env) of
                {ok, Settings} -> links(Names, Env, Share, [{Name, Module, Settings} | Links]);
                {error, What} -> {error, What}
            end;
        {error, What} -> {error, What}
    end.

%% Each round has a separate process, so it may trap exits here.
-spec find({pos_integer(), [link()]}) -> {ok, [node()], [{string(), term()}]} | {error, [{string(), term()}]}.
find({Share, Links}) ->
    _ = process_flag(trap_exit, true),
    Answers = [{Name, ask(Module, Settings, Share)} || {Name, Module, Settings} <- Links],
    case [{Name, Reason} || {Name, {error, Reason}} <- Answers] of
        Failures when length(Failures) =:= length(Links) -> {error, Failures};
        Failures -> {ok, lists:usort(lists:append([Nodes || {_, {ok, Nodes}} <- Answers])), Failures}
    end.

%% Linked, so that a method that hangs ends together with the round. The exception is caught, so that the VM does not log a
%% crash in each round.
-spec ask(module(), term(), pos_integer()) -> answer().
ask(Module, Settings, Share) ->
    Pid = spawn_link(fun() ->
                             Answer = try Module:find(Settings) catch Class:Reason -> {error, {Class, Reason}} end,
                             exit({answer, Answer})
                     end),
    receive
        {'EXIT', Pid, {answer, {ok, Nodes}}} when is_list(Nodes) -> {ok, Nodes};
        {'EXIT', Pid, {answer, {error, Reason}}} -> {error, Reason};
        {'EXIT', Pid, Other} -> {error, Other}
    after Share ->
        exit(Pid, kill),
        receive {'EXIT', Pid, _} -> {error, {no_answer_after_ms, Share}} end
    end.
