%% The A records of a headless Service, one per pod: derl@ADDRESS each.
-module(derl_discovery_dns_a).
-behaviour(derl_discovery).
-export([configure/1, find/1]).

-record(settings, {name :: string(), options :: [inet_res:res_option()]}).

%% One question takes a millisecond in a healthy cluster. Two tries within LIMIT, so that a lost packet costs one second,
%% and a DNS service that is just coming up is noticed soon.
-define(OPTIONS, [{timeout, 1000}, {retry, 2}]).
-define(LIMIT, 2000).

%% dns_name is the Service's full name, with or without the final dot. resolver holds more options for inet_res.
-spec configure([{atom(), term()}]) -> {ok, #settings{}} | {error, iolist()}.
configure(Env) ->
    Name = string:trim(string:trim(proplists:get_value(dns_name, Env, "")), trailing, "."),
    case string:lexemes(Name, ".") of
        [] ->
            {error, "DISCOVERY_NAME is empty; it is the full name of the headless Service (derl.NAMESPACE.svc.cluster.local)"};
        [_] ->
            {error, ["DISCOVERY_NAME is ", Name, ", but inet_res:resolve knows no search list; "
                     "it needs the full name (", Name, ".NAMESPACE.svc.cluster.local)"]};
        _ ->
            {ok, #settings{name = Name, options = proplists:get_value(resolver, Env, []) ++ ?OPTIONS}}
    end.

%% resolve asks each time (getbyname would answer from its cache for the record's TTL) and tells why it failed (lookup
%% would give an empty list).
%%
%% More than about 28 addresses do not fit into 512 bytes; the server then says so, and inet_res asks again by TCP. Some
%% releases of OTP call such an answer malformed instead (erlang/otp#11114; seen with Debian's 27.3.4.1): ask by TCP then.
-spec find(#settings{}) -> {ok, [node()]} | {error, term()}.
find(#settings{name = Name, options = Options}) ->
    case resolve(Name, Options) of
        {error, formerr} -> resolve(Name, [{usevc, true} | Options]);
        Result -> Result
    end.

-spec resolve(string(), [inet_res:res_option()]) -> {ok, [node()]} | {error, term()}.
resolve(Name, Options) ->
    case inet_res:resolve(Name, in, a, Options, ?LIMIT) of
        {ok, Message} ->
            {ok, lists:usort([derl_discovery:node_name(inet_dns:rr(RR, data))
                              || RR <- inet_dns:msg(Message, anlist), inet_dns:rr(RR, type) =:= a])};
        {error, {Reason, _Message}} -> {error, Reason};
        {error, Reason} -> {error, Reason}
    end.
