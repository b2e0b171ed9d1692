%% For -epmd_module: all nodes listen on the port of -erl_epmd_port, and each host in 127.0.0.0/8 but one has a node "derl".
-module(derl_test_epmd).
-export([start_link/0, register_node/3, port_please/2, port_please/3, listen_port_please/2, address_please/3, names/1]).

start_link() -> erl_epmd:start_link().
register_node(Name, Port, Family) -> erl_epmd:register_node(Name, Port, Family).
port_please(Name, Host) -> erl_epmd:port_please(Name, Host).
port_please(Name, Host, Timeout) -> erl_epmd:port_please(Name, Host, Timeout).
listen_port_please(Name, Host) -> erl_epmd:listen_port_please(Name, Host).
address_please(Name, Host, Family) -> erl_epmd:address_please(Name, Host, Family).

%% .8 has no listener, and .9 drops packets: the real epmd module would wait for minutes.
names('127.0.0.8') -> {error, address};
names('127.0.0.9') -> timer:sleep(infinity);
names(_) -> {ok, [{"derl", element(2, erl_epmd:listen_port_please("derl", "127.0.0.1"))}]}.
