package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// Without the run's token nothing is served, on no path and by no method, and nothing says what there is.
func TestNothingIsServedWithoutTheToken(t *testing.T) {
	sessions, plans := newTestSessions(t)
	token := agent.NewToken()
	gate, err := agent.NewGate(token.Hash())
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	api := WithKill(WithFaults(Handler(recording.Start{Node: "n1"}, sessions), func(context.Context, agent.Faults) []agent.RuleStatus {
		done++
		return nil
	}), sessions, func(agent.Kill) error { done++; return nil })
	s := httptest.NewServer(WithToken(api, gate))
	defer s.Close()
	ask := func(method, path, body, authorization string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(answer)
	}
	requests := []struct{ method, path, body string }{
		{"GET", "/v1/start", ""}, {"GET", "/v1/clock", ""}, {"PUT", "/v1/plan?session=app", "{}"}, {"GET", "/v1/stream?session=app&from=0", ""},
		{"PUT", "/v1/faults", `{"holder":"h","rules":[]}`}, {"POST", "/v1/kill", `{"pod":"11111111-2222-3333-4444-555555555555","pid":42}`}, {"GET", "/", ""}, {"DELETE", "/nowhere", ""},
	}
	for _, authorization := range []string{"", "Bearer", "Bearer " + token.Hash(), agent.NewToken().Authorization(), strings.TrimPrefix(token.Authorization(), "Bearer ")} {
		for _, r := range requests {
			status, answer := ask(r.method, r.path, r.body, authorization)
			if status != http.StatusUnauthorized || strings.Contains(answer, "n1") {
				t.Errorf("%s %s with %q: %d %q", r.method, r.path, authorization, status, answer)
			}
		}
	}
	if done != 0 || len(plans) != 0 || len(sessions.all) != 0 {
		t.Errorf("%d things were done, %d plans accepted, %d sessions made", done, len(plans), len(sessions.all))
	}
	if status, answer := ask("GET", "/v1/start", "", token.Authorization()); status != http.StatusOK || !strings.Contains(answer, "n1") {
		t.Errorf("with the token: %d %q", status, answer)
	}
	if status, _ := ask("GET", "/nowhere", "", token.Authorization()); status != http.StatusNotFound {
		t.Errorf("no such path, with the token: %d", status)
	}
}

// The agent disturbs and kills the pods of plans only: those under their own address, and cuts between two of one plan.
func TestOnlyPodsOfAPlanAreTouched(t *testing.T) {
	sessions, _ := newTestSessions(t)
	sessions.planWait = 50 * time.Millisecond
	const a, b, other, stranger = "aaaaaaaa-0001", "bbbbbbbb-0001", "cccccccc-0001", "dddddddd-0001"
	for session, pods := range map[string][]agent.Pod{
		"one": {{UID: a, IP: "10.0.0.1", Node: "n1"}, {UID: b, IP: "10.0.0.2", Node: "n2"}},
		"two": {{UID: other, IP: "10.0.0.3", Node: "n1"}},
	} {
		if err := sessions.setPlan(session, agent.Plan{Pods: pods}); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		rule    agent.Rule
		allowed bool
	}{
		"a pod of a plan":                 {agent.Rule{Pod: a, IP: "10.0.0.1", Do: agent.DropDNS}, true},
		"a pod of another plan":           {agent.Rule{Pod: other, IP: "10.0.0.3", Do: agent.DropDNS}, true},
		"a cut between two of a plan":     {agent.Rule{Pod: a, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.2", Port: 1}, true},
		"the address of another pod":      {agent.Rule{Pod: a, IP: "10.0.0.2", Do: agent.DropDNS}, false},
		"a pod of no plan":                {agent.Rule{Pod: stranger, IP: "10.0.0.9", Do: agent.DropDNS}, false},
		"a cut to a pod of no plan":       {agent.Rule{Pod: a, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.9", Port: 1}, false},
		"a cut to a pod of another plan":  {agent.Rule{Pod: a, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.3", Port: 1}, false},
		"a cut from the pod to itself":    {agent.Rule{Pod: a, IP: "10.0.0.1", Do: agent.Cut, Peer: "10.0.0.1", Port: 1}, false},
		"a pod of a plan without address": {agent.Rule{Pod: a, Do: agent.DropDNS}, false},
	} {
		if err := sessions.AwaitRule(t.Context(), c.rule); (err == nil) != c.allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for uid, allowed := range map[string]bool{a: true, b: true, other: true, stranger: false, "": false} {
		if err := sessions.AwaitPod(t.Context(), uid); (err == nil) != allowed {
			t.Errorf("pod %q: %v", uid, err)
		}
	}
	// A pod that has left the plan is not touched any more.
	if err := sessions.setPlan("two", agent.Plan{}); err != nil {
		t.Fatal(err)
	}
	if err := sessions.AwaitPod(t.Context(), other); err == nil {
		t.Error("a pod that has left its plan may still be killed")
	}
}

// The plan may come a moment after the request that needs it.
func TestAPlanMayComeALittleLater(t *testing.T) {
	sessions, _ := newTestSessions(t)
	const a = "aaaaaaaa-0001"
	time.AfterFunc(100*time.Millisecond, func() {
		_ = sessions.setPlan("one", agent.Plan{Pods: []agent.Pod{{UID: a, IP: "10.0.0.1", Node: "n1"}}})
	})
	if err := sessions.AwaitPod(t.Context(), a); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sessions.AwaitPod(ctx, "bbbbbbbb-0001"); !errors.Is(err, context.Canceled) {
		t.Errorf("after the request has ended: %v", err)
	}
}
