package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// FuzzRequests sends any body to the API: nothing panics, and whatever is accepted keeps to the limits.
func FuzzRequests(f *testing.F) {
	const pod = "11111111-2222-3333-4444-555555555555"
	for _, body := range []string{
		``, `{}`, `null`, `[]`, `{"pods":[{"uid":"` + pod + `","ip":"10.0.0.1","node":"n1"}],"ways":{"` + pod + `":{"tls":true,"port":1}},"every":{"view":20000000}}`,
		`{"pods":[{"uid":"` + pod + `","ip":"::ffff:127.0.0.1"}]}`, `{"pods":[null]}`, `{"ways":null,"identity":{}}`,
		`{"holder":"h","lease":1,"rules":[{"pod":"` + pod + `","ip":"10.0.0.1","do":"cut","port":1,"peer":"10.0.0.2"}]}`, `{"holder":"h","rules":[null,{"do":"drop-dns"}]}`,
		`{"pod":"` + pod + `","pid":42}`, `{"pod":"` + pod + `","pid":-9223372036854775808}`, `{"pid":1e400}`,
	} {
		f.Add(body)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	plans := make(chan agent.Plan, 1)
	sessions := NewSessions(ctx, func() int64 { return 42 }, func(func(recording.Event)) Observer { return planRecorder(plans) })
	sessions.planWait = time.Millisecond
	var faults []agent.Faults
	kills := 0
	api := WithKill(WithFaults(Handler(recording.Start{}, sessions), func(_ context.Context, f agent.Faults) []agent.RuleStatus {
		faults = append(faults, f)
		return nil
	}), sessions, func(agent.Kill) error { kills++; return nil })
	f.Fuzz(func(t *testing.T, body string) {
		faults, kills = nil, 0
		for _, r := range []struct{ method, path string }{{"PUT", "/v1/plan?session=app"}, {"PUT", "/v1/faults"}, {"POST", "/v1/kill"}} {
			w := httptest.NewRecorder()
			api.ServeHTTP(w, httptest.NewRequest(r.method, r.path, strings.NewReader(body)))
			if w.Code != http.StatusOK && w.Code != http.StatusNoContent && w.Code != http.StatusBadRequest && w.Code != http.StatusConflict {
				t.Errorf("%s: %d", r.path, w.Code)
			}
		}
		var addrs []string
		select {
		case p := <-plans:
			for _, q := range p.Pods {
				if q.IP != "" {
					addrs = append(addrs, q.IP)
				}
			}
		default:
		}
		for _, one := range faults {
			for _, r := range one.Rules {
				addrs = append(addrs, r.IP)
				if r.Peer != "" {
					addrs = append(addrs, r.Peer)
				}
			}
		}
		for _, a := range addrs {
			if at, err := netip.ParseAddr(a); err != nil || at.Unmap().IsLoopback() || at.Unmap().IsLinkLocalUnicast() || at.Unmap().IsUnspecified() || at.Unmap().IsMulticast() {
				t.Errorf("%q was accepted", a)
			}
		}
		if kills > 0 && !sessions.planned(func(pods []agent.Pod) bool { return len(pods) > 0 }) {
			t.Error("a pod of no plan was killed")
		}
	})
}
