package viewer

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

// answersOf polls a node until that many answers were recorded.
func answersOf(t *testing.T, n erldisttest.Node, between func(), reads ...agent.Read) []recording.Answer {
	t.Helper()
	n.Name, n.Cookie, n.Creation = "a@127.0.0.1", "secret", 7
	s := n.Start(t)
	port := int(netip.MustParseAddrPort(s.Addr).Port())
	var all []recording.Answer
	v := New(Source{
		Pod: agent.Pod{UID: "a", IP: "127.0.0.1"}, Timeout: 2 * time.Second, Dial: (&net.Dialer{}).DialContext, Starts: func() int { return 1 },
		Plan:     func() agent.Plan { return agent.Plan{Cookie: []byte("secret"), DistPort: port, Reads: reads} },
		Identity: func() Identity { return Identity{} },
		Emit: func(e recording.Event) {
			if e.Answer != nil {
				one := *e.Answer
				one.Took = 0
				all = append(all, one)
			}
		},
	})
	defer v.Close()
	poll := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		v.Poll(ctx)
	}
	later := func() { // a second later
		for name, x := range v.answered {
			x.asked = x.asked.Add(-answersEvery)
			v.answered[name] = x
		}
	}
	poll()
	poll()
	later()
	poll() // the same
	between()
	later()
	poll()
	return all
}

var mnesia = agent.Read{Name: "database", What: agent.RunningDBNodes}

func TestAnswers(t *testing.T) {
	var split atomic.Bool
	n := erldisttest.Node{RunningDBNodes: func() []string {
		if split.Load() {
			return []string{"a@h"}
		}
		return []string{"b@h", "a@h"}
	}}
	got := answersOf(t, n, func() { split.Store(true) }, mnesia)
	want := []recording.Answer{{Pod: "a", Name: "database", Outcome: recording.OK, Answer: "a@h\nb@h"}, {Pod: "a", Name: "database", Outcome: recording.OK, Answer: "a@h"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v, want %+v", got, want)
	}
	// Without Mnesia the view is read all the same, over the same connection.
	got = answersOf(t, erldisttest.Node{}, func() {}, mnesia)
	if len(got) != 1 || got[0].Outcome != "badrpc" || got[0].Answer != "" || got[0].Detail == "" {
		t.Errorf("%+v", got)
	}
	if got = answersOf(t, n, func() {}); len(got) != 0 {
		t.Errorf("nothing was to be read: %+v", got)
	}
	// Nothing is asked of a node that is not in the table.
	got = answersOf(t, n, func() {}, agent.Read{Name: "cookie", What: "erlang/get_cookie"})
	if len(got) != 1 || got[0].Outcome == recording.OK || got[0].Answer != "" {
		t.Errorf("%+v", got)
	}
}
