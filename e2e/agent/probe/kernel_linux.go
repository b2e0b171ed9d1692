package probe

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// kernelEvery is how often a node is asked for its distribution's parameters.
const kernelEvery = 10 * time.Second

// What a node does where its parameter is not set (kernel_app(6), net_kernel.erl).
const (
	defaultIntensity = 4
	defaultSetup     = 7 * time.Second
	defaultConnect   = "true"
)

// node is what is asked of a connection; tests have their own.
type node interface {
	NetTickTime(ctx context.Context) (time.Duration, error)
	KernelEnv(ctx context.Context, key string) (erldist.Term, bool, error)
	Call(ctx context.Context, module, function string, args ...erldist.Term) (erldist.Term, error)
	Err() error
}

// kernel records what the node says of its own distribution; false means that the connection is of no more use.
func (v *viewer) kernel(ctx context.Context) bool {
	short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
	defer cancel()
	e := recording.Kernel{Pod: v.w.pod.UID, Node: v.conn.Peer.Name, Creation: v.conn.Peer.Creation}
	err := readKernel(short, v.conn, &e)
	if e.Outcome = recording.Outcome(erldist.OutcomeOf(err)); err != nil {
		e.Detail = detail(err)
	}
	if ctx.Err() == nil {
		v.w.emit(recording.Event{Kernel: &e})
	}
	v.asked = time.Now()
	return err == nil
}

// readKernel asks for all of it. A value that the node cannot tell (get_state is OTP 25's) is absent and mentioned in
// Detail; the error is that of the connection.
func readKernel(ctx context.Context, n node, e *recording.Kernel) error {
	r := &reads{n: n}
	e.TickTime = ask(ctx, r, "net_ticktime", func() (time.Duration, error) { return n.NetTickTime(ctx) })
	e.TickIntensity = env(ctx, r, "net_tickintensity", number, defaultIntensity)
	e.SetupTime = env(ctx, r, "net_setuptime", seconds, defaultSetup)
	e.AutoConnect = env(ctx, r, "dist_auto_connect", word, "")
	e.ConnectAll = env(ctx, r, "connect_all", word, defaultConnect)
	e.Prevents = env(ctx, r, "prevent_overlapping_partitions", word, "")
	e.ListenMin = env(ctx, r, "inet_dist_listen_min", number, 0)
	e.ListenMax = env(ctx, r, "inet_dist_listen_max", number, 0)
	e.Interface = env(ctx, r, "inet_dist_use_interface", address, "")
	e.Names = ask(ctx, r, "net_kernel:get_state", func() (string, error) { return domain(n.Call(ctx, "net_kernel", "get_state")) })
	e.Schedulers = ask(ctx, r, "schedulers_online", func() (int, error) {
		t, err := n.Call(ctx, "erlang", "system_info", erldist.Atom("schedulers_online"))
		if err != nil {
			return 0, err
		}
		return number(t)
	})
	e.Detail = strings.Join(r.absent, "; ")
	return r.err
}

// reads keeps what became of the questions.
type reads struct {
	n      node
	absent []string
	err    error // of the connection: nothing is asked any more
}

func ask[T any](ctx context.Context, r *reads, what string, question func() (T, error)) T {
	var none T
	if r.err != nil {
		return none
	}
	v, err := question()
	switch {
	case err == nil:
		return v
	case ctx.Err() != nil || r.n.Err() != nil || erldist.OutcomeOf(err) == erldist.Silent:
		r.err = err
	default:
		r.absent = append(r.absent, what+": "+err.Error())
	}
	return none
}

// env asks for a parameter of the application kernel; unset is what it is where the node has none.
func env[T any](ctx context.Context, r *reads, key string, parse func(erldist.Term) (T, error), unset T) T {
	return ask(ctx, r, key, func() (T, error) {
		t, set, err := r.n.KernelEnv(ctx, key)
		if err != nil || !set {
			return unset, err
		}
		return parse(t)
	})
}

func number(t erldist.Term) (int, error) {
	if n, ok := t.(int64); ok && n >= 0 && n <= math.MaxInt32 {
		return int(n), nil
	}
	return 0, fmt.Errorf("no number in its range: %.100v", t)
}

func seconds(t erldist.Term) (time.Duration, error) {
	const most = 1e9 // thirty years
	switch n := t.(type) {
	case int64:
		if n > 0 && n < most {
			return time.Duration(n) * time.Second, nil
		}
	case float64:
		if n > 0 && n < most {
			return time.Duration(n * float64(time.Second)), nil
		}
	}
	return 0, fmt.Errorf("no time: %.100v", t)
}

func word(t erldist.Term) (string, error) {
	if a, ok := t.(erldist.Atom); ok {
		return string(a), nil
	}
	return "", fmt.Errorf("no atom: %.100v", t)
}

// address reads {127,0,0,1} or the eight numbers of an IPv6 address.
func address(t erldist.Term) (string, error) {
	parts, ok := t.(erldist.Tuple)
	if !ok || len(parts) != 4 && len(parts) != 8 {
		return "", fmt.Errorf("no address: %.100v", t)
	}
	var b []byte
	for _, p := range parts {
		n, ok := p.(int64)
		switch {
		case !ok || n < 0 || n > 0xffff || len(parts) == 4 && n > 0xff:
			return "", fmt.Errorf("no address: %.100v", t)
		case len(parts) == 8:
			b = append(b, byte(n>>8))
		}
		b = append(b, byte(n))
	}
	a, _ := netip.AddrFromSlice(b) // 4 or 16 bytes
	return a.String(), nil
}

// domain reads #{name_domain := longnames | shortnames, …}.
func domain(t erldist.Term, err error) (string, error) {
	if err != nil {
		return "", err
	}
	m, _ := t.(erldist.Map)
	for _, p := range m {
		if p.Key == erldist.Term(erldist.Atom("name_domain")) {
			return word(p.Value)
		}
	}
	return "", fmt.Errorf("no name_domain: %.100v", t)
}
