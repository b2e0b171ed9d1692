%% Keeps the log messages between start and stop, in order.
-module(derl_test_log).
-export([start/0, lines/1, stop/1, log/2]).

start() ->
    Table = ets:new(?MODULE, [ordered_set, public]),
    ok = logger:update_primary_config(#{level => info}),
    ok = logger:set_handler_config(default, level, none),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => Table}),
    {ok, Table}.

log(#{msg := {string, S}}, #{config := Table}) -> keep(Table, S);
log(#{msg := {report, R}}, #{config := Table}) -> keep(Table, io_lib:format("~0tp", [R]));
log(#{msg := {Format, Args}}, #{config := Table}) -> keep(Table, io_lib:format(Format, Args)).

keep(Table, Text) -> ets:insert(Table, {erlang:unique_integer([monotonic]), lists:flatten(Text)}).

lines(Table) -> [L || {_, L} <- ets:tab2list(Table)].

stop(Table) ->
    ok = logger:remove_handler(?MODULE),
    ok = logger:set_handler_config(default, level, all),
    ok = logger:update_primary_config(#{level => notice}),
    Lines = lines(Table),
    ets:delete(Table),
    Lines.
