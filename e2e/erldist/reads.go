package erldist

import (
	"context"
	"time"
)

// Nodes is erlang:nodes(): the visible nodes to which the node considers itself connected. This client is hidden, so it must
// not be among them. It is not filtered out, so that a client that is visible by mistake is noticed.
func (c *Conn) Nodes(ctx context.Context) ([]string, error) { return c.names(ctx, nil) }

// HiddenNodes is erlang:nodes(hidden), without this client itself. Other probes and remote consoles are in it.
func (c *Conn) HiddenNodes(ctx context.Context) ([]string, error) {
	return c.names(ctx, c.isOther, Atom("hidden"))
}

// isOther reports whether the name is not this client's name.
func (c *Conn) isOther(name string) bool { return name != c.Peer.Self }

// names returns the nodes for which wanted returns true; nil: all.
func (c *Conn) names(ctx context.Context, wanted func(string) bool, args ...Term) ([]string, error) {
	t, err := c.Call(ctx, "erlang", "nodes", args...)
	if err != nil {
		return nil, err
	}
	return c.atoms("erlang:nodes", t, wanted)
}

// atoms returns those of a list of atoms for which wanted returns true; nil: all.
func (c *Conn) atoms(what string, t Term, wanted func(string) bool) ([]string, error) {
	l, ok := t.(List)
	if !ok {
		return nil, c.unexpected(what, t)
	}
	names := make([]string, 0, len(l))
	for _, x := range l {
		a, ok := x.(Atom)
		if !ok {
			return nil, c.unexpected(what, t)
		}
		if wanted == nil || wanted(string(a)) {
			names = append(names, string(a))
		}
	}
	return names, nil
}

// RunningDBNodes is mnesia:system_info(running_db_nodes): the nodes with which the node's Mnesia shares its tables now, itself
// among them.
func (c *Conn) RunningDBNodes(ctx context.Context) ([]string, error) {
	t, err := c.Call(ctx, "mnesia", "system_info", Atom("running_db_nodes"))
	if err != nil {
		return nil, err
	}
	return c.atoms("running_db_nodes", t, nil)
}

// OTPRelease is erlang:system_info(otp_release): "27".
func (c *Conn) OTPRelease(ctx context.Context) (string, error) {
	t, err := c.Call(ctx, "erlang", "system_info", Atom("otp_release"))
	if err != nil {
		return "", err
	}
	if s, ok := Text(t); ok {
		return s, nil
	}
	return "", c.unexpected("otp_release", t)
}

// NetTickTime is net_kernel:get_net_ticktime(): after 75 to 125 per cent of that time without data, the node takes a link
// for lost. While the value is being changed, it is the new value.
func (c *Conn) NetTickTime(ctx context.Context) (time.Duration, error) {
	t, err := c.Call(ctx, "net_kernel", "get_net_ticktime")
	if err != nil {
		return 0, err
	}
	seconds, ok := t.(int64)
	if change, isTuple := t.(Tuple); isTuple && len(change) == 2 && change[0] == Term(Atom("ongoing_change_to")) {
		seconds, ok = change[1].(int64)
	}
	if !ok || seconds <= 0 || seconds > int64(10*365*24*time.Hour/time.Second) {
		return 0, c.unexpected("get_net_ticktime", t)
	}
	return time.Duration(seconds) * time.Second, nil
}

// KernelEnv is application:get_env(kernel, Key), for the keys of the table of allowed calls (see [Allowed]). set is false if
// the parameter is not set.
func (c *Conn) KernelEnv(ctx context.Context, key string) (value Term, set bool, err error) {
	t, err := c.Call(ctx, "application", "get_env", Atom("kernel"), Atom(key))
	if err != nil {
		return nil, false, err
	}
	if t == Term(Atom("undefined")) {
		return nil, false, nil
	}
	if v, ok := t.(Tuple); ok && len(v) == 2 && v[0] == Term(Atom("ok")) {
		return v[1], true, nil
	}
	return nil, false, c.unexpected("application:get_env", t)
}

func (c *Conn) unexpected(what string, t Term) error {
	return &Error{Step: StageCall, Outcome: Malformed, Addr: c.addr, Detail: what + ": unexpected result " + text(t)}
}
