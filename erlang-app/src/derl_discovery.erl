%% What a method of discovery is: it names the nodes that ought to be there. It neither connects nor remembers; it may
%% fail, crash or hang, and the poller goes on.
-module(derl_discovery).
-export([method/1, names/1, node_name/1]).

%% Takes its settings out of the application's environment. An error is a sentence; the node does not start then.
-callback configure([{atom(), term()}]) -> {ok, Settings :: term()} | {error, iolist()}.

%% One round. The node itself may be among those named. Failures are of methods that this one asks in its turn, each with
%% its name, where others of them answered.
-callback find(Settings :: term()) ->
    {ok, [node()]} | {ok, [node()], Failures :: [{string(), Reason :: term()}]} | {error, Reason :: term()}.

%% A new method is a new module and a line here.
-define(METHODS, [{"dns-a", derl_discovery_dns_a},
                  {"dns-srv", derl_discovery_dns_srv},
                  {"hosts-file", derl_discovery_hosts_file},
                  {"kube-api", derl_discovery_kube_api},
                  {"none", derl_discovery_none},
                  {"static", derl_discovery_static}]).

%% Mistakes that people make, each a method of its own: what finds them must be shown to find them.
-define(FAULTY, [{"faulty-dies", derl_faulty_dies},
                 {"faulty-disconnects", derl_faulty_disconnects},
                 {"faulty-first", derl_faulty_first},
                 {"faulty-lookup", derl_faulty_lookup},
                 {"faulty-once", derl_faulty_once},
                 {"faulty-satisfied", derl_faulty_satisfied}]).

%% The module for what DISCOVERY says: a method, or several with commas between them. A module may be given itself.
-spec method(string() | module()) -> {ok, module()} | {error, iolist()}.
method(Module) when is_atom(Module) -> {ok, Module};
method(Given) ->
    case names(Given) of
        [Name] ->
            case lists:keyfind(Name, 1, ?METHODS ++ ?FAULTY) of
                {_, Module} -> {ok, Module};
                false -> {error, io_lib:format("DISCOVERY is \"~ts\", which is no method of discovery; there is: ~ts",
                                               [Name, lists:join(", ", [N || {N, _} <- ?METHODS])])}
            end;
        _ -> {ok, derl_discovery_chain}
    end.

-spec names(string()) -> [string()].
names(Given) -> [string:trim(Name) || Name <- string:split(Given, ",", all)].

%% Node names are made as in vm.args.src: of the pod's address, or of its name in DNS.
-spec node_name(inet:ip_address() | string()) -> node().
node_name(Address) when is_tuple(Address) -> node_name(inet:ntoa(Address));
node_name(Host) -> list_to_atom("derl@" ++ Host).
