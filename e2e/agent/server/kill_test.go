package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/client"
)

func TestKillIsCheckedBeforeItIsDone(t *testing.T) {
	const pod = "11111111-2222-3333-4444-555555555555"
	var got []string
	rest := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	sessions, _ := newTestSessions(t)
	sessions.planWait = 50 * time.Millisecond
	if err := sessions.setPlan("app", agent.Plan{Pods: []agent.Pod{{UID: pod, IP: "10.0.0.1", Node: "n1"}}}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(WithKill(rest, sessions, func(k agent.Kill) error {
		got = append(got, fmt.Sprint(k.Pod, " ", k.PID))
		if k.PID == 99 {
			return errors.New("process 99 is not the VM")
		}
		return nil
	}))
	defer s.Close()
	c := client.Over(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}, "agent-x", "s", agent.Token{})
	if err := c.Kill(t.Context(), agent.Kill{Pod: pod, PID: 42}); err != nil || len(got) != 1 || got[0] != pod+" 42" {
		t.Errorf("%v, killed %q", err, got)
	}
	if err := c.Kill(t.Context(), agent.Kill{Pod: pod, PID: 99}); err == nil || !strings.Contains(err.Error(), "not the VM") {
		t.Errorf("the reason is lost: %v", err)
	}
	done := len(got)
	for _, k := range []agent.Kill{{Pod: pod, PID: 1}, {Pod: pod, PID: 42, EPMD: true}, {Pod: pod, PID: -1}, {Pod: "../..", PID: 42}, {Pod: "99999999-2222-3333-4444-555555555555", PID: 42}} {
		if err := c.Kill(t.Context(), k); err == nil {
			t.Errorf("%+v is accepted", k)
		}
	}
	for _, body := range []string{"", "{", `{"pod":"` + pod + `","pid":42,"more":1}`} {
		resp, err := http.Post(s.URL+"/v1/kill", "application/json", strings.NewReader(body))
		if err != nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %v %v", body, resp, err)
		}
	}
	if len(got) != done {
		t.Errorf("these were killed: %q", got[done:])
	}
}
