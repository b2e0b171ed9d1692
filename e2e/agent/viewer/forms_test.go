package viewer

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/recording"
)

// A node whose cookie differs from the plan's only by white space is recognized, and asked what it sees. One with another cookie is
// offered each form once for each of its starts.
func TestFormsOfTheCookie(t *testing.T) {
	for name, c := range map[string]struct {
		plan, node string
		want       []string // "LABEL OUTCOME" of the attempts in two rounds
		asked      bool
	}{
		"the same":                       {"sesame", "sesame", []string{"A ok"}, true},
		"a newline in the Secret":        {"sesame\n", "sesame", []string{"A closed-after-reply", "trimmed ok"}, true},
		"a newline in the node's Secret": {"sesame", "sesame\n", []string{"A closed-after-reply", "newline ok"}, true},
		"another":                        {"sesame", "mustard", []string{"A closed-after-reply", "newline closed-after-reply"}, false},
		"another, with white space":      {" sesame ", "mustard", []string{"A closed-after-reply", "trimmed closed-after-reply"}, false},
		"only white space":               {"\n", "mustard", []string{"A closed-after-reply"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			node, err := erldisttest.Node{Name: "a@127.0.0.1", Cookie: c.node, Creation: 7}.Listen()
			if err != nil {
				t.Fatal(err)
			}
			defer node.Close()
			var tried []string
			asked := false
			addr, err := net.ResolveTCPAddr("tcp", node.Addr)
			if err != nil {
				t.Fatal(err)
			}
			var d net.Dialer
			v := New(Source{
				Pod: agent.Pod{UID: "a", IP: "127.0.0.1"}, Timeout: 2 * time.Second, Dial: d.DialContext, Starts: func() int { return 1 },
				Plan:     func() agent.Plan { return agent.Plan{Cookie: []byte(c.plan), EPMDPort: 1, DistPort: addr.Port} },
				Identity: func() Identity { return Identity{} },
				Emit: func(e recording.Event) {
					if e.Cookie != nil {
						tried = append(tried, e.Cookie.Cookie+" "+string(e.Cookie.Outcome))
					}
					asked = asked || e.Nodes != nil && e.Nodes.Outcome == recording.OK
				},
			})
			defer v.Close()
			for range 2 {
				v.notBefore = time.Time{}
				v.Poll(context.Background())
				v.Close()
			}
			if !slices.Equal(tried, c.want) || asked != c.asked {
				t.Errorf("tried %v, want %v; asked: %v", tried, c.want, asked)
			}
		})
	}
}
