%% The behaviour of a discovery method: it returns the names of the expected nodes. It neither connects nor keeps state. It
%% may fail, crash or hang; the poller continues.
-module(derl_discovery).
-export([method/1, names/1, node_name/1]).

%% Reads the method's settings from the application's environment. With an error, a sentence, the node does not start.
-callback configure([{atom(), term()}]) -> {ok, Settings :: term()} | {error, iolist()}.

%% One round. The result may contain the node itself. A method that calls other methods returns Failures if only some of
%% them failed, each with its name.
-callback find(Settings :: term()) ->
    {ok, [node()]} | {ok, [node()], Failures :: [{string(), Reason :: term()}]} | {error, Reason :: term()}.

%% A new method needs a new module and a line here.
-define(METHODS, [{"dns-a", derl_discovery_dns_a},
                  {"dns-srv", derl_discovery_dns_srv},
                  {"hosts-file", derl_discovery_hosts_file},
                  {"kube-api", derl_discovery_kube_api},
                  {"none", derl_discovery_none},
                  {"static", derl_discovery_static}]).

%% Common mistakes, each as a method: meshproof's checks are tested against them.
-define(FAULTY, [{"faulty-cached", derl_faulty_cached},
                 {"faulty-dies", derl_faulty_dies},
                 {"faulty-disconnects", derl_faulty_disconnects},
                 {"faulty-first", derl_faulty_first},
                 {"faulty-impatient", derl_faulty_impatient},
                 {"faulty-leaves", derl_faulty_leaves},
                 {"faulty-lookup", derl_faulty_lookup},
                 {"faulty-once", derl_faulty_once},
                 {"faulty-restarts", derl_faulty_restarts},
                 {"faulty-satisfied", derl_faulty_satisfied},
                 {"faulty-stops-late", derl_faulty_stops_late},
                 {"faulty-trusts-dns", derl_faulty_trusts_dns}]).

%% The module for the value of DISCOVERY: a method, or several methods with commas between them. A module stands for itself.
-spec method(string() | module()) -> {ok, module()} | {error, iolist()}.
method(Module) when is_atom(Module) -> {ok, Module};
method(Given) ->
    case names(Given) of
        [Name] ->
            case lists:keyfind(Name, 1, ?METHODS ++ ?FAULTY) of
                {_, Module} -> {ok, Module};
                false -> {error, io_lib:format("DISCOVERY is \"~ts\", which is not a discovery method; the methods are: ~ts",
                                               [Name, lists:join(", ", [N || {N, _} <- ?METHODS])])}
            end;
        _ -> {ok, derl_discovery_chain}
    end.

-spec names(string()) -> [string()].
names(Given) -> [string:trim(Name) || Name <- string:split(Given, ",", all)].

%% Node names as in vm.args.src: with the pod's address, or with its name in DNS.
-spec node_name(inet:ip_address() | string()) -> node().
node_name(Address) when is_tuple(Address) -> node_name(inet:ntoa(Address));
node_name(Host) -> list_to_atom("derl@" ++ Host).
