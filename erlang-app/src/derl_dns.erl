%% DNS queries for the headless Service, for the discovery methods that use DNS.
-module(derl_dns).
-export([configure/1, full/2, records/3]).

-type service() :: #{name := string(), options := [inet_res:res_option()], family := inet | inet6}.
-export_type([service/0]).

%% A query takes a millisecond in a healthy cluster. There are two attempts within LIMIT, so that a lost packet costs one
%% second, and a DNS service that has just started is noticed soon.
-define(OPTIONS, [{timeout, 1000}, {retry, 2}]).
-define(LIMIT, 2000).

%% dns_name is the Service's full name, with or without the final dot. It may end with .svc: the cluster's domain is then the one in
%% the pod's search list. resolver has more options for inet_res; resolv_conf is the file with that list; family is that of the addresses to
%% look for.
-spec configure([{atom(), term()}]) -> {ok, service()} | {error, iolist()}.
configure(Env) ->
    Name = string:trim(string:trim(proplists:get_value(dns_name, Env, "")), trailing, "."),
    case string:lexemes(Name, ".") of
        [] ->
            {error, "DISCOVERY_NAME is empty; it is the full name of the headless Service (derl.NAMESPACE.svc.cluster.local)"};
        [_] ->
            {error, ["DISCOVERY_NAME is ", Name, ", but inet_res:resolve does not use the search list; "
                     "set the full name (", Name, ".NAMESPACE.svc.cluster.local)"]};
        _ ->
            case full(Name, Env) of
                {ok, Full} -> {ok, #{name => Full, options => proplists:get_value(resolver, Env, []) ++ ?OPTIONS,
                                     family => proplists:get_value(family, Env, derl_discovery:family())}};
                {error, Why} -> {error, ["DISCOVERY_NAME is ", Name, ", but ", Why, "; set the full name (", Name, ".cluster.local)"]}
            end
    end.

%% The name with the cluster's domain, where it ends with .svc; any other name as it is. Kubernetes gives each pod the search list
%% NAMESPACE.svc.DOMAIN, svc.DOMAIN, DOMAIN.
-spec full(string(), [{atom(), term()}]) -> {ok, string()} | {error, iolist()}.
full(Name, Env) ->
    case lists:suffix(".svc", Name) of
        true -> with_domain(Name, proplists:get_value(resolv_conf, Env, "/etc/resolv.conf"));
        false -> {ok, Name}
    end.

-spec with_domain(string(), file:filename()) -> {ok, string()} | {error, iolist()}.
with_domain(Name, File) ->
    case file:read_file(File) of
        {ok, Text} ->
            Lines = [string:lexemes(Line, " \t\r") || Line <- string:split(binary_to_list(Text), "\n", all)],
            case [Domain || ["search" | Domains] <- Lines, "svc." ++ Domain <- Domains] of
                [Domain | _] -> {ok, Name ++ "." ++ string:trim(Domain, trailing, ".")};
                [] -> {error, ["the search list in ", File, " has no svc.DOMAIN"]}
            end;
        {error, Reason} -> {error, ["the cluster's domain is not known: ", File, ": ", file:format_error(Reason)]}
    end.

%% The data of all records of that type. resolve sends a query each time (getbyname would use its cache for the record's
%% TTL) and returns the reason of a failure (lookup would return an empty list).
%%
%% More than about 28 addresses do not fit into 512 bytes, nor do 7 SRV records. Then the server's answer is truncated, and
%% inet_res retries over TCP. Some releases of OTP report such an answer as malformed instead (erlang/otp#11114; seen with
%% Debian's 27.3.4.1): then the query is repeated over TCP here.
-spec records(a | aaaa | srv, string(), [inet_res:res_option()]) -> {ok, [term()]} | {error, term()}.
records(Type, Name, Options) ->
    case resolve(Type, Name, Options) of
        {error, formerr} -> resolve(Type, Name, [{usevc, true} | Options]);
        Result -> Result
    end.

-spec resolve(a | aaaa | srv, string(), [inet_res:res_option()]) -> {ok, [term()]} | {error, term()}.
resolve(Type, Name, Options) ->
    case inet_res:resolve(Name, in, Type, Options, ?LIMIT) of
        {ok, Message} ->
            {ok, [inet_dns:rr(RR, data) || RR <- inet_dns:msg(Message, anlist), inet_dns:rr(RR, type) =:= Type]};
        {error, {Reason, _Message}} -> {error, Reason};
        {error, Reason} -> {error, Reason}
    end.
