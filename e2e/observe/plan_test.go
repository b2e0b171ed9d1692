package observe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

func TestPlan(t *testing.T) {
	now := time.Duration(0)
	p := newPlans(Options{Now: func() time.Duration { return now }, EPMDPort: 4369, NoControl: true})
	running := func(uid, ip string) *recording.Pod {
		return &recording.Pod{UID: uid, IP: ip, Node: "n1", Phase: "Running"}
	}
	has := func(want string) {
		t.Helper()
		var got []string
		for _, q := range p.current().Pods {
			got = append(got, q.UID+"="+q.IP)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("at %s the plan has %q, want %q", now, text, want)
		}
	}
	news, end := p.subscribe()
	defer end()
	woken := func() bool {
		select {
		case <-news:
			return true
		default:
			return false
		}
	}

	p.pod(running("a", "10.0.0.1"))
	if has(""); !woken() {
		t.Error("a new pod does not wake")
	}
	p.setCookie([]byte("c"), false)
	if has("a=10.0.0.1"); !woken() {
		t.Error("the cookie does not wake")
	}
	p.pod(running("a", "10.0.0.1"))
	if woken() {
		t.Error("what is in the plan already wakes")
	}
	p.pod(&recording.Pod{UID: "b", Phase: "Pending"})
	has("a=10.0.0.1")
	p.pod(running("b", "10.0.0.2"))
	p.pod(running("a", "10.0.0.9"))
	has("a=10.0.0.9 b=10.0.0.2")
	if plan := p.current(); plan.EPMDPort != 4369 || plan.Control || string(plan.Cookie) != "c" || len(p.nodes()) != 1 {
		t.Errorf("plan %+v, nodes %v", plan, p.nodes())
	}

	// a's VM outlives its object by 10 s, b has none that anybody saw.
	p.process(&recording.Process{Pod: "a"})
	gone := func(uid string) *recording.Pod { return &recording.Pod{UID: uid, Phase: "Running", Gone: true} }
	now = 10 * time.Second
	p.pod(gone("a"))
	p.pod(gone("b"))
	now += linger
	has("a=10.0.0.9 b=10.0.0.2")
	now++
	has("a=10.0.0.9")
	now = 20 * time.Second
	has("a=10.0.0.9")
	p.process(&recording.Process{Pod: "a", Exited: true})
	now += linger
	has("a=10.0.0.9")
	now++
	has("")

	// A VM whose end nobody sees does not stay for ever. A pod that has finished keeps its object, but not its address.
	p.pod(running("c", "10.0.0.3"))
	p.process(&recording.Process{Pod: "c"})
	p.pod(running("d", "10.0.0.4"))
	p.pod(&recording.Pod{UID: "d", IP: "10.0.0.4", Node: "n1", Phase: "Failed"})
	p.pod(gone("c"))
	now += linger + 1
	has("c=10.0.0.3")
	p.pod(&recording.Pod{UID: "d", IP: "10.0.0.4", Node: "n1", Phase: "Failed"})
	has("c=10.0.0.3")
	now += maxLinger
	has("")
}

func TestClockEstimate(t *testing.T) {
	ms := time.Millisecond
	clock := func(offset, bound time.Duration) recording.Clock {
		return recording.Clock{Offset: offset, Bound: bound}
	}
	for _, c := range []struct {
		name string
		next recording.Clock
		at   time.Duration
		want bool
	}{
		{"sharper", clock(101*ms, ms), 10 * time.Second, true},
		{"blunter, soon", clock(101*ms, 5*ms), 10 * time.Second, false},
		{"blunter, but the old one is old", clock(101*ms, 5*ms), time.Minute, true},
		{"blunter, and not the same clock any more", clock(-time.Hour, 50*ms), 10 * time.Second, true},
	} {
		var e estimate
		if !e.offer(clock(100*ms, 2*ms), 0) {
			t.Fatal("the first measurement was not taken")
		}
		if got := e.offer(c.next, c.at); got != c.want {
			t.Errorf("%s: taken %v", c.name, got)
		}
		want := 100 * ms
		if c.want {
			want = c.next.Offset
		}
		if got := e.ours(int64(time.Second)); got != time.Second+want {
			t.Errorf("%s: 1 s of theirs is %s of ours", c.name, got)
		}
	}
}

// A cookie that is a common word is redacted only where it stands as one; the agents have to know.
func TestPlanSaysThatTheCookieIsACommonWord(t *testing.T) {
	for cookie, common := range map[string]bool{"node": true, "node\n": true, "a-long-and-secret-cookie": false, "abc": false} {
		o := newObserver(Options{Now: func() time.Duration { return 0 }})
		o.Redactor.Public("the node has no name")
		o.SetCookie([]byte(cookie))
		if got := o.plans.base.CommonCookie; got != common {
			t.Errorf("%q is a common word: %v", cookie, got)
		}
		if got := o.Redactor.Text("node@10.0.0.1 -setcookie " + cookie); !strings.HasPrefix(got, "node@10.0.0.1 ") || strings.Contains(got, "cookie "+cookie) {
			t.Errorf("%q: %s", cookie, got)
		}
	}
}

// How a node is spoken to follows its command line, whatever it was before.
func TestPlanWays(t *testing.T) {
	p := newPlans(Options{Now: func() time.Duration { return 0 }})
	p.pod(&recording.Pod{UID: "a", IP: "10.0.0.1", Node: "n1", Phase: "Running"})
	p.setIdentity(&agent.Identity{Roots: []byte("r")})
	p.setCookie([]byte("c"), false)
	if plan := p.current(); string(plan.Identity.Roots) != "r" || len(plan.Transports) != 0 || !plan.SpeaksTLS("a") {
		t.Errorf("%+v", plan)
	}
	news, end := p.subscribe()
	defer end()
	for _, c := range []struct {
		args []string
		over bool
		news int
	}{{[]string{"-name", "a"}, false, 1}, {[]string{"-proto_dist", "inet_tls"}, true, 1}, {[]string{"-proto_dist", "inet6_tls"}, true, 0},
		{[]string{"-proto_dist", "inet_tls", "-proto_dist", "inet_tcp"}, false, 1}, {[]string{"-extra", "-proto_dist", "inet_tls"}, false, 0}} {
		p.vm(&recording.VM{Pod: "a", Args: c.args})
		if plan := p.current(); plan.SpeaksTLS("a") != c.over || len(news) != c.news {
			t.Errorf("%v: over TLS %v, %d wake", c.args, plan.SpeaksTLS("a"), len(news))
		}
		for len(news) > 0 {
			<-news
		}
	}
	p.vm(&recording.VM{Pod: "nobody"})
	p.vm(&recording.VM{Pod: "a", Args: []string{"-erl_epmd_port", "10001"}})
	if plan := p.current(); plan.PortOf("a") != 10001 {
		t.Errorf("%+v", plan)
	}
	p.vm(&recording.VM{Pod: "a", Args: []string{"-erl_epmd_port", "70000"}})
	if plan := p.current(); plan.PortOf("a") != 0 {
		t.Errorf("what is no port: %+v", plan)
	}
}

// Agents look faster only for a time, and only at few pods.
func TestPlanIsFastForATime(t *testing.T) {
	now := time.Duration(0)
	p := newPlans(Options{Now: func() time.Duration { return now }})
	p.setCookie([]byte("c"), false)
	p.pod(&recording.Pod{UID: "a", IP: "10.0.0.1", Node: "n1", Phase: "Running"})
	news, end := p.subscribe()
	defer end()
	if p.current().Fast {
		t.Error("it is fast unasked")
	}
	p.faster(10 * time.Second)
	if len(news) != 1 || !p.current().Fast {
		t.Error("the agents are not told")
	}
	if now = 10 * time.Second; p.current().Fast {
		t.Error("it stays fast when its time is over")
	}
	p.faster(10 * time.Second)
	if p.faster(0); p.current().Fast {
		t.Error("it cannot be ended")
	}
	p.faster(10 * time.Second)
	for i := range fewPods {
		p.pod(&recording.Pod{UID: fmt.Sprint("b", i), IP: "10.0.0.1", Node: "n1", Phase: "Running"})
	}
	if p.current().Fast {
		t.Errorf("it is fast for %d pods", fewPods+1)
	}
}
