package injection

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/agent/server"
)

// Another pod takes the place of an agent that was killed: it is that one that must be asked whether a fault is gone.
func TestAnotherAgentIsFoundWhereOneWasKilled(t *testing.T) {
	none := http.HandlerFunc(http.NotFound)
	s := httptest.NewServer(server.WithFaults(none, func(context.Context, agent.Faults) []agent.RuleStatus { return []agent.RuleStatus{} }))
	defer s.Close()
	killed := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no such pod") }
	runs := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	dials := []agentclient.DialFunc{killed, runs}
	found := 0
	all := &nodeAgents{find: func(context.Context, string) (*agentclient.Client, error) {
		found++
		return agentclient.Over(dials[found-1], "agent-x", "h", agent.NewToken()), nil
	}, clients: map[string]*agentclient.Client{}}
	defer all.close()
	a := nodeAgent{all, "n1"}
	if _, err := a.SetFaults(t.Context(), agent.Faults{Holder: "h"}); err == nil {
		t.Error("the agent that was killed answers")
	}
	for range 2 {
		if _, err := a.SetFaults(t.Context(), agent.Faults{Holder: "h"}); err != nil || found != 2 {
			t.Errorf("%v, looked for %d times", err, found)
		}
	}
}
