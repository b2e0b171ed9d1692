package agent_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
)

func TestInvalidFaultsAreRejected(t *testing.T) {
	const uid = "11111111-2222-3333-4444-555555555555"
	good := agent.Rule{Pod: uid, IP: "10.0.0.1", Do: agent.DropIn, Port: 10000}
	with := func(change func(*agent.Rule)) agent.Faults {
		r := good
		change(&r)
		return agent.Faults{Holder: "h", Rules: []agent.Rule{r}}
	}
	for name, f := range map[string]agent.Faults{
		"no holder":           {Rules: []agent.Rule{good}},
		"a lease too long":    {Holder: "h", Lease: agent.Lease + time.Second},
		"a lease in the past": {Holder: "h", Lease: -1},
		"a path for a uid":    with(func(r *agent.Rule) { r.Pod = "../../etc/passwd" }),
		"a name":              with(func(r *agent.Rule) { r.IP = "example.org" }),
		"IPv6":                with(func(r *agent.Rule) { r.IP = "fd00::1" }),
		"no port":             with(func(r *agent.Rule) { r.Port = 0 }),
		"a port too high":     with(func(r *agent.Rule) { r.Port = 65536 }),
		"a peer not allowed":  with(func(r *agent.Rule) { r.Peer = "10.0.0.2" }),
		"an unknown kind":     with(func(r *agent.Rule) { r.Do = "drop-all" }),
		"a cut without peer":  with(func(r *agent.Rule) { r.Do = agent.Cut }),
		"a cut without port":  with(func(r *agent.Rule) { r.Do, r.Port, r.Peer = agent.Cut, 0, "10.0.0.2" }),
		"DNS with a port":     with(func(r *agent.Rule) { r.Do = agent.DropDNS }),
		"too many":            {Holder: "h", Rules: make([]agent.Rule, 501)},
		"one way, no peer":    with(func(r *agent.Rule) { r.Do = agent.CutOut }),
		"slow DNS of a port":  with(func(r *agent.Rule) { r.Do = agent.SlowDNS }),
		"a lasting reset":     with(func(r *agent.Rule) { r.Do, r.Peer = agent.Reset, "10.0.0.2" }),
		"a lasting blip":      with(func(r *agent.Rule) { r.Do, r.Peer, r.For = agent.Cut, "10.0.0.2", time.Second }),
		"a blip for ever":     {Holder: "h", Brief: []agent.Rule{{Pod: uid, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.2", Port: 10000}}},
		"a blip too long":     {Holder: "h", Brief: []agent.Rule{{Pod: uid, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.2", Port: 10000, For: agent.MaxBrief + 1}}},
		"a brief drop of DNS": {Holder: "h", Brief: []agent.Rule{{Pod: uid, IP: "10.0.0.1", Do: agent.DropDNS, For: time.Second}}},
		"a blip of nobody":    {Holder: "h", Brief: []agent.Rule{{Pod: "x", IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.2", Port: 10000, For: time.Second}}},
	} {
		if f.Check() == nil {
			t.Errorf("%s is accepted: %+v", name, f)
		}
	}
	for _, r := range []agent.Rule{
		good, {Pod: uid, IP: "10.0.0.1", Do: agent.DropDNS}, {Pod: uid, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.2", Port: 10000}, {Pod: uid, IP: "10.0.0.1", Do: agent.DropOwn, Port: 7373},
		{Pod: uid, IP: "10.0.0.1", Do: agent.CutOut, Peer: "10.0.0.2", Port: 10000}, {Pod: uid, IP: "10.0.0.1", Do: agent.CutNew, Peer: "10.0.0.2", Port: 10000},
		{Pod: uid, IP: "10.0.0.1", Do: agent.DropLarge, Peer: "10.0.0.2", Port: 10000}, {Pod: uid, IP: "10.0.0.1", Do: agent.SlowDNS},
	} {
		if err := (agent.Faults{Holder: "h", Rules: []agent.Rule{r}}).Check(); err != nil || !strings.Contains(r.String(), "10.0.0.1") {
			t.Errorf("%s: %v", r, err)
		}
	}
}

func TestBriefFaultsAreBlipsAndResets(t *testing.T) {
	for _, do := range []string{agent.Cut, agent.Reset} {
		r := agent.Rule{Pod: "11111111-2222-3333-4444-555555555555", IP: "10.0.0.1", Do: do, Peer: "10.0.0.2", Port: 10000, For: 5 * time.Millisecond}
		if err := (agent.Faults{Holder: "h", Brief: []agent.Rule{r}}).Check(); err != nil {
			t.Errorf("%s: %v", do, err)
		}
	}
}
