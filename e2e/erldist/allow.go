package erldist

import "errors"

// ErrForbidden is the cause if a call is not in the table of allowed calls. Nothing was sent.
var ErrForbidden = errors.New("not in the table of allowed calls")

// read is an allowed call, with the allowed values of each argument.
type read struct {
	module, function Atom
	args             [][]Atom
}

// reads are all calls that are ever sent to a node. A function in the table must change nothing, connect to no other node,
// resolve no name and reveal no secret. So there is no net_adm, no global, no erl_epmd:names (it resolves the host's name),
// no init:get_arguments (it returns -setcookie), no application:get_all_env, no erlang:get_cookie.
var reads = []read{
	{"erlang", "node", nil},
	{"erlang", "nodes", nil},
	{"erlang", "nodes", [][]Atom{{"visible", "hidden", "connected"}}},
	{"erlang", "system_info", [][]Atom{{
		"otp_release", "version", "system_architecture", "wordsize", "creation",
		"schedulers", "schedulers_online", "logical_processors", "logical_processors_available", "logical_processors_online",
		"atom_count", "atom_limit", "process_count", "process_limit", "port_count", "port_limit",
		"dist_buf_busy_limit",
	}}},
	{"net_kernel", "get_net_ticktime", nil},
	{"net_kernel", "get_state", nil}, // OTP 25
	{"application", "get_env", [][]Atom{{"kernel"}, {
		"net_ticktime", "net_tickintensity", "net_setuptime", "dist_auto_connect", "prevent_overlapping_partitions", "connect_all",
		"inet_dist_listen_min", "inet_dist_listen_max", "inet_dist_use_interface",
		"sync_nodes_mandatory", "sync_nodes_optional", "sync_nodes_timeout",
	}}},
	// Mnesia keeps it in memory. Not db_nodes: where Mnesia does not run, that opens its schema file.
	{"mnesia", "system_info", [][]Atom{{"running_db_nodes"}}},
}

// Allowed reports whether [Conn.Call] sends this call: module, function and the value of each argument must be in a fixed
// table.
func Allowed(module, function string, args ...Term) bool {
	for _, r := range reads {
		if r.module == Atom(module) && r.function == Atom(function) && r.allows(args) {
			return true
		}
	}
	return false
}

func (r read) allows(args []Term) bool {
	if len(args) != len(r.args) {
		return false
	}
	for i, allowed := range r.args {
		if !contains(allowed, args[i]) {
			return false
		}
	}
	return true
}

func contains(all []Atom, t Term) bool {
	a, ok := t.(Atom)
	for _, x := range all {
		if ok && x == a {
			return true
		}
	}
	return false
}
