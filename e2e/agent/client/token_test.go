package client

import (
	"context"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/server"
	"meshproof.dev/meshproof/e2e/recording"
)

// Each call has the run's token. A client with another one gets nothing, and no error has a token in it.
func TestCallsHaveTheToken(t *testing.T) {
	plans := make(chan agent.Plan, 10)
	all, ring := sessions(t, plans)
	token, other := agent.NewToken(), agent.NewToken()
	gate, err := agent.NewGate(token.Hash())
	if err != nil {
		t.Fatal(err)
	}
	const pod = "11111111-2222-3333-4444-555555555555"
	api := server.WithFaults(server.Handler(recording.Start{}, all), func(context.Context, agent.Faults) []agent.RuleStatus { return []agent.RuleStatus{} })
	s := httptest.NewServer(server.WithToken(server.WithKill(api, all, func(agent.Kill) error { return nil }), gate))
	defer s.Close()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	ring.Add(fault(1), 0)
	for _, c := range []struct {
		token agent.Token
		right bool
	}{{token, true}, {other, false}, {agent.Token{}, false}} {
		client := Over(dial, "agent-1", "app", c.token)
		ctx, cancel := context.WithCancel(t.Context())
		lines := 0
		calls := map[string]func() error{
			"start": func() error { _, err := client.Start(ctx); return err },
			"plan": func() error {
				return client.SetPlan(ctx, agent.Plan{Pods: []agent.Pod{{UID: pod, IP: "10.0.0.1", Node: "n1"}}})
			},
			"faults": func() error { _, err := client.SetFaults(ctx, agent.Faults{Holder: "h"}); return err },
			"kill":   func() error { return client.Kill(ctx, agent.Kill{Pod: pod, PID: 42}) },
		}
		for _, name := range []string{"start", "plan", "faults", "kill"} {
			err := calls[name]()
			if (err == nil) != c.right {
				t.Errorf("%s, right token %v: %v", name, c.right, err)
			}
			if err != nil && (!strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), string(token.Reveal())) || len(c.token.Reveal()) > 0 && strings.Contains(err.Error(), string(c.token.Reveal()))) {
				t.Errorf("%s: %v", name, err)
			}
		}
		err := client.Stream(ctx, new(Cursor), func(string) {}, func(agent.Line) { lines++; cancel() })
		if (lines > 0) != c.right || !c.right && !strings.Contains(err.Error(), "401") {
			t.Errorf("stream, right token %v: %d lines, %v", c.right, lines, err)
		}
		cancel()
		client.Close()
	}
}
