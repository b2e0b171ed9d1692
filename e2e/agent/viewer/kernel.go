package viewer

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// kernelEvery is the interval at which a node's distribution parameters are read.
const kernelEvery = 10 * time.Second

// The defaults of parameters that are not set (kernel_app(6), net_kernel.erl).
const (
	defaultIntensity = 4
	defaultSetup     = 7 * time.Second
	defaultConnect   = "true"
)

// nodeConn is the part of a connection that readKernel needs; tests have a fake.
type nodeConn interface {
	NetTickTime(ctx context.Context) (time.Duration, error)
	KernelEnv(ctx context.Context, key string) (erldist.Term, bool, error)
	Call(ctx context.Context, module, function string, args ...erldist.Term) (erldist.Term, error)
	Err() error
}

// recordKernel records the node's own distribution parameters. It returns false if the connection has failed.
func (v *Viewer) recordKernel(ctx context.Context) bool {
	short, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	e := recording.Kernel{Pod: v.Pod.UID, Node: v.conn.Peer.Name, Creation: v.conn.Peer.Creation}
	err := readKernel(short, v.conn, &e)
	if e.Outcome = recording.Outcome(erldist.OutcomeOf(err)); err != nil {
		e.Detail = errorText(err)
	}
	if ctx.Err() == nil {
		v.Emit(recording.Event{Kernel: &e})
	}
	v.kernelRead = time.Now()
	return err == nil
}

// readKernel reads all parameters. If the node cannot return a value (get_state exists from OTP 25 on), Detail says so.
// The error is set only if the connection has failed.
func readKernel(ctx context.Context, n nodeConn, e *recording.Kernel) error {
	r := &kernelReader{n: n}
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

// kernelReader collects the errors of the calls.
type kernelReader struct {
	n      nodeConn
	absent []string
	err    error // of the connection; no more calls are made
}

func ask[T any](ctx context.Context, r *kernelReader, what string, question func() (T, error)) T {
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

// env reads a parameter of the application kernel; unset is its value if it is not set.
func env[T any](ctx context.Context, r *kernelReader, key string, parse func(erldist.Term) (T, error), unset T) T {
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
	return 0, fmt.Errorf("not a number from 0 to %d: %.100v", math.MaxInt32, t)
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
	return 0, fmt.Errorf("not a number of seconds: %.100v", t)
}

func word(t erldist.Term) (string, error) {
	if a, ok := t.(erldist.Atom); ok {
		return string(a), nil
	}
	return "", fmt.Errorf("not an atom: %.100v", t)
}

// address parses {127,0,0,1} or the eight numbers of an IPv6 address.
func address(t erldist.Term) (string, error) {
	parts, ok := t.(erldist.Tuple)
	if !ok || len(parts) != 4 && len(parts) != 8 {
		return "", fmt.Errorf("not an IP address: %.100v", t)
	}
	var b []byte
	for _, p := range parts {
		n, ok := p.(int64)
		switch {
		case !ok || n < 0 || n > 0xffff || len(parts) == 4 && n > 0xff:
			return "", fmt.Errorf("not an IP address: %.100v", t)
		case len(parts) == 8:
			b = append(b, byte(n>>8))
		}
		b = append(b, byte(n))
	}
	a, _ := netip.AddrFromSlice(b) // 4 or 16 bytes
	return a.String(), nil
}

// domain parses #{name_domain := longnames | shortnames, …}.
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
