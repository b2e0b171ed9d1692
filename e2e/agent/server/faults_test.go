package server

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/client"
)

func TestFaultsAreCheckedBeforeTheyAreSet(t *testing.T) {
	var got []agent.Faults
	rest := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	s := httptest.NewServer(WithFaults(rest, func(_ context.Context, f agent.Faults) []agent.RuleStatus {
		got = append(got, f)
		bites := make([]agent.RuleStatus, 0, len(f.Rules))
		for _, r := range f.Rules {
			bites = append(bites, agent.RuleStatus{Rule: r, Effective: true, Since: 1})
		}
		return bites
	}))
	defer s.Close()
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}
	c := client.Over(dial, "agent-x", "h", agent.Token{})
	rule := agent.Rule{Pod: "11111111-2222-3333-4444-555555555555", IP: "10.0.0.1", Do: agent.DropIn, Port: 10000}
	bites, err := c.SetFaults(context.Background(), agent.Faults{Holder: "h", Rules: []agent.Rule{rule}})
	if err != nil || len(bites) != 1 || bites[0].Rule != rule || len(got) != 1 {
		t.Errorf("%+v %v, set %+v", bites, err, got)
	}
	rule.IP = "localhost"
	if _, err = c.SetFaults(context.Background(), agent.Faults{Holder: "h", Rules: []agent.Rule{rule}}); err == nil || !strings.Contains(err.Error(), "literal IPv4") {
		t.Errorf("a host name is accepted: %v", err)
	}
	for _, body := range []string{"", "{", `{"holder":"h","more":1}`, `{"holder":"` + strings.Repeat("x", maxFaults) + `"}`} {
		req, bad := http.NewRequest(http.MethodPut, s.URL+"/v1/faults", strings.NewReader(body))
		if bad != nil {
			t.Fatal(bad)
		}
		resp, bad := http.DefaultClient.Do(req)
		if bad != nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20q: %v %v", body, resp, bad)
		}
	}
	if len(got) != 1 {
		t.Errorf("these faults were set: %+v", got)
	}
	resp, err := http.Get(s.URL + "/v1/start")
	if err != nil || resp.StatusCode != http.StatusTeapot {
		t.Errorf("the rest of the API answers %v %v", resp, err)
	}
}
