package viewer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// fakeNode returns the values of its maps; any other call is a badrpc.
type fakeNode struct {
	env   map[string]erldist.Term
	calls map[string]erldist.Term
	dead  error
	asked int
}

var errBad = &erldist.Error{Outcome: erldist.BadRPC, Detail: "badrpc undef"}

func (s *fakeNode) Err() error { return s.dead }

func (s *fakeNode) Call(_ context.Context, module, function string, _ ...erldist.Term) (erldist.Term, error) {
	s.asked++
	if t, ok := s.calls[module+":"+function]; ok && s.dead == nil {
		return t, nil
	}
	return nil, errBad
}

func (s *fakeNode) NetTickTime(context.Context) (time.Duration, error) {
	s.asked++
	return time.Minute, s.dead
}

func (s *fakeNode) KernelEnv(_ context.Context, key string) (erldist.Term, bool, error) {
	s.asked++
	t, ok := s.env[key]
	return t, ok, s.dead
}

func TestReadKernel(t *testing.T) {
	type env = map[string]erldist.Term
	state := func(domain string) env {
		return env{
			"net_kernel:get_state": erldist.Map{{Key: erldist.Atom("started"), Value: erldist.Atom("static")}, {Key: erldist.Atom("name_domain"), Value: erldist.Atom(domain)}},
			"erlang:system_info":   int64(2),
		}
	}
	local := erldist.Tuple{int64(127), int64(0), int64(0), int64(1)}
	v6 := erldist.Tuple{int64(0xfd00), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0), int64(7)}
	for _, c := range []struct {
		name       string
		env, calls env
		want       recording.Kernel
		says       string // Detail
	}{
		{"no parameter is set", nil, state("longnames"),
			recording.Kernel{TickTime: time.Minute, TickIntensity: 4, SetupTime: 7 * time.Second, ConnectAll: "true", Names: "longnames", Schedulers: 2}, ""},
		{"all parameters are set", env{"net_tickintensity": int64(8), "net_setuptime": int64(10), "dist_auto_connect": erldist.Atom("once"), "connect_all": erldist.Atom("false"),
			"prevent_overlapping_partitions": erldist.Atom("true"), "inet_dist_listen_min": int64(9100), "inet_dist_listen_max": int64(9105), "inet_dist_use_interface": local}, state("shortnames"),
			recording.Kernel{TickTime: time.Minute, TickIntensity: 8, SetupTime: 10 * time.Second, AutoConnect: "once", ConnectAll: "false", Prevents: "true",
				ListenMin: 9100, ListenMax: 9105, Interface: "127.0.0.1", Names: "shortnames", Schedulers: 2}, ""},
		{"an older node", nil, nil,
			recording.Kernel{TickTime: time.Minute, TickIntensity: 4, SetupTime: 7 * time.Second, ConnectAll: "true"}, "net_kernel:get_state: "},
		{"half a second, and IPv6", env{"net_setuptime": 0.5, "inet_dist_use_interface": v6}, state("longnames"),
			recording.Kernel{TickTime: time.Minute, TickIntensity: 4, SetupTime: 500 * time.Millisecond, ConnectAll: "true", Interface: "fd00::7", Names: "longnames", Schedulers: 2}, ""},
		{"invalid values", env{"net_tickintensity": erldist.Atom("x"), "net_setuptime": int64(-1), "dist_auto_connect": int64(1), "inet_dist_listen_min": int64(1 << 40),
			"inet_dist_use_interface": erldist.Tuple{int64(1), int64(2), int64(3), int64(256)}}, env{"net_kernel:get_state": erldist.List{}, "erlang:system_info": erldist.Atom("y")},
			recording.Kernel{TickTime: time.Minute, ConnectAll: "true"}, "inet_dist_use_interface: not an IP address"},
	} {
		got := recording.Kernel{}
		if err := readKernel(t.Context(), &fakeNode{env: c.env, calls: c.calls}, &got); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		said := got.Detail
		if got.Detail = ""; got != c.want || (c.says == "") != (said == "") || !strings.Contains(said, c.says) {
			t.Errorf("%s: %+v, detail %q; want %+v, %q", c.name, got, said, c.want, c.says)
		}
	}
	// After the connection has failed no more calls are made.
	s := &fakeNode{dead: errors.New("closed")}
	if err := readKernel(t.Context(), s, &recording.Kernel{}); !errors.Is(err, s.dead) || s.asked != 1 {
		t.Errorf("%v after %d calls", err, s.asked)
	}
}
