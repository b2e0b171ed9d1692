%% Reads the application's environment. sys.config.src fills it from environment variables, so values may be strings.
-module(derl_config).
-export([read/1]).

-type config() :: #{method := module(),                 % the discovery method
                    settings := term(),                 % the method's own settings, from its configure/1
                    large := non_neg_integer(),         % milliseconds between two large messages to a peer (derl_large), 0 for none
                    interval := pos_integer(),          % milliseconds between two discovery rounds
                    round_limit := pos_integer(),       % timeout of a round in milliseconds
                    felt_interval := non_neg_integer(), % milliseconds between two messages to a peer (derl_felt), 0 for none
                    ready_port := inet:port_number()}.
-export_type([config/0]).

-define(HOUR, 3600000).

%% An error is a sentence for the person who set the variable.
-spec read([{atom(), term()}]) -> {ok, config()} | {error, string()}.
read(Env) ->
    try
        Discovery = proplists:get_value(discovery, Env, "dns-a"),
        Method = ok(derl_discovery:method(Discovery)),
        Limit = whole(round_limit_ms, "round_limit_ms", 1, ?HOUR, Env, 10000),
        {ok, #{method => Method,
               large => whole(large_ms, "LARGE_MESSAGE_MS", 0, ?HOUR, Env, 0),
               settings => ok(Method:configure([{discovery, Discovery}, {round_limit_ms, Limit} | Env])),
               interval => whole(interval_ms, "DISCOVERY_INTERVAL_MS", 1, ?HOUR, Env, 1000),
               round_limit => Limit,
               felt_interval => whole(felt_interval_ms, "FELT_INTERVAL_MS", 0, ?HOUR, Env, 0),
               ready_port => whole(ready_port, "READY_PORT", 0, 65535, Env, 8080)}}
    catch
        throw:{bad, What} -> {error, lists:flatten(What)}
    end.

-spec ok({ok, Value} | {error, iolist()}) -> Value.
ok({ok, Value}) -> Value;
ok({error, What}) -> throw({bad, What}).

-spec whole(atom(), string(), integer(), integer(), [{atom(), term()}], integer()) -> integer().
whole(Key, Variable, Min, Max, Env, Default) ->
    Given = proplists:get_value(Key, Env, Default),
    case number(Given) of
        N when is_integer(N), N >= Min, N =< Max -> N;
        _ -> throw({bad, io_lib:format("~s is ~0tp, which is not a whole number from ~b to ~b", [Variable, Given, Min, Max])})
    end.

-spec number(term()) -> integer() | none.
number(N) when is_integer(N) -> N;
number(S) ->
    try list_to_integer(string:trim(S)) catch error:_ -> none end.
