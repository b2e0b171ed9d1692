%% What a method of discovery is: it names the nodes that ought to be there. It neither connects nor remembers; it may
%% fail, crash or hang, and the poller goes on.
-module(derl_discovery).
-export([method/1, node_name/1]).

%% Takes its settings out of the application's environment. An error is a sentence; the node does not start then.
-callback configure([{atom(), term()}]) -> {ok, Settings :: term()} | {error, iolist()}.

%% One round. The node itself may be among those named.
-callback find(Settings :: term()) -> {ok, [node()]} | {error, Reason :: term()}.

%% The module of a method, which may be given itself. A new method is a new module and a line here.
-spec method(string() | module()) -> {ok, module()} | {error, iolist()}.
method("dns-a") -> {ok, derl_discovery_dns_a};
method("faulty-" ++ How = Name) -> faulty(How, Name);
method(Module) when is_atom(Module) -> {ok, Module};
method(Other) -> none(Other).

%% Mistakes that people make, each a method of its own: what finds them must be shown to find them.
-spec faulty(string(), string()) -> {ok, module()} | {error, iolist()}.
faulty("disconnects", _) -> {ok, derl_faulty_disconnects};
faulty("first", _) -> {ok, derl_faulty_first};
faulty("lookup", _) -> {ok, derl_faulty_lookup};
faulty("once", _) -> {ok, derl_faulty_once};
faulty("satisfied", _) -> {ok, derl_faulty_satisfied};
faulty(_, Name) -> none(Name).

-spec none(term()) -> {error, iolist()}.
none(Name) -> {error, io_lib:format("DISCOVERY is ~0tp, which is no method of discovery; there is: dns-a", [Name])}.

%% Node names are made as in vm.args.src.
-spec node_name(inet:ip_address()) -> node().
node_name(Address) -> list_to_atom("derl@" ++ inet:ntoa(Address)).
