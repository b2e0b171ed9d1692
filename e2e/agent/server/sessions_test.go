package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

// observerCount makes observers and counts them.
type observerCount struct {
	running atomic.Int32
	begun   atomic.Int32
}

type countedObserver struct {
	c     *observerCount
	emit  func(recording.Event)
	plans chan agent.Plan
}

func (c *observerCount) begin(emit func(recording.Event)) Observer {
	c.begun.Add(1)
	return &countedObserver{c, emit, make(chan agent.Plan, 10)}
}

func (o *countedObserver) SetPlan(p agent.Plan) {
	o.plans <- p
	o.emit(recording.Event{ObserverError: &recording.ObserverError{What: p.DNSName}})
}

func (o *countedObserver) Run(ctx context.Context) {
	o.c.running.Add(1)
	<-ctx.Done()
	time.Sleep(10 * time.Millisecond) // a real observer takes some time to end
	o.c.running.Add(-1)
}

func put(t *testing.T, url, plan string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url, strings.NewReader(plan))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Each session has its own plan and lines. Events about the agent are in all sessions.
func TestSessionsDoNotMix(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var c observerCount
	s := NewSessions(ctx, func() int64 { return 42 }, c.begin)
	srv := httptest.NewServer(Handler(recording.Start{}, s))
	defer srv.Close()
	for _, name := range []string{"a", "b"} {
		if status := put(t, srv.URL+"/v1/plan?session="+name, `{"dnsName":"`+name+`."}`); status != http.StatusNoContent {
			t.Fatalf("plan of %s: %d", name, status)
		}
	}
	s.Emit(recording.Event{Beat: &recording.Beat{Late: 7}})
	for _, name := range []string{"a", "b"} {
		_, got := lines(t, srv.URL+"/v1/stream?session="+name+"&from=0", 2)
		if got[0].Event.ObserverError.What != name+"." || got[1].Event.Beat == nil || got[1].Boot != 42 || got[1].Seq != 1 {
			t.Errorf("session %s: %+v", name, got)
		}
	}
	if n := c.begun.Load(); n != 2 {
		t.Errorf("%d observers for two sessions", n)
	}
	cancel()
	s.Wait()
	if n := c.running.Load(); n != 0 {
		t.Errorf("%d observers still run", n)
	}
	if _, err := s.Ring("c"); err == nil {
		t.Error("a session was created after the end")
	}
}

func TestIdleSessionsAreRemoved(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var c observerCount
	const idle = 300 * time.Millisecond
	s := newSessions(ctx, func() int64 { return 42 }, c.begin, idle, idle/10)
	srv := httptest.NewServer(Handler(recording.Start{}, s))
	defer srv.Close()
	has := func(name string) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.all[name] != nil
	}
	ringOf(t, s, "left")
	streaming, stop := context.WithCancel(ctx)
	open := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req, err := http.NewRequestWithContext(streaming, http.MethodGet, srv.URL+"/v1/stream?session=streamed&from=0", http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		close(open)
		<-streaming.Done()
	}()
	<-open
	for range 6 {
		if put(t, srv.URL+"/v1/plan?session=planned", `{}`) != http.StatusNoContent {
			t.Fatal("the plan is rejected")
		}
		time.Sleep(idle / 3)
	}
	if has("left") || !has("streamed") || !has("planned") {
		t.Errorf("after %s: left %v, streamed %v, planned %v", 2*idle, has("left"), has("streamed"), has("planned"))
	}
	stop()
	<-ended
	for end := time.Now().Add(5 * time.Second); has("streamed") || has("planned") || c.running.Load() != 0; time.Sleep(idle / 10) {
		if time.Now().After(end) {
			t.Fatalf("5 s later: streamed %v, planned %v, %d observers run", has("streamed"), has("planned"), c.running.Load())
		}
	}
	// A client that returns gets a new session with a new run id.
	if put(t, srv.URL+"/v1/plan?session=left", `{"dnsName":"again."}`) != http.StatusNoContent {
		t.Fatal("the plan is rejected")
	}
	if head, got := lines(t, srv.URL+"/v1/stream?session=left&run=OLD&from=7", 1); head.Run == "OLD" || got[0].Seq != 0 || c.begun.Load() != 4 {
		t.Errorf("%+v %+v, %d observers created", head, got, c.begun.Load())
	}
}

func TestLimitsOfSessions(t *testing.T) {
	s, plans := newTestSessions(t)
	srv := httptest.NewServer(Handler(recording.Start{}, s))
	defer srv.Close()
	for _, name := range []string{"", "A", "a/b", "../a", "-a", "a-", "a_b", strings.Repeat("a", 64), "%00"} {
		if status := put(t, srv.URL+"/v1/plan?session="+name, `{}`); status != http.StatusBadRequest {
			t.Errorf("session %q: %d", name, status)
		}
		resp, err := http.Get(srv.URL + "/v1/stream?from=0&session=" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("stream of %q: %s", name, resp.Status)
		}
	}
	if len(plans) > 0 || len(s.all) > 0 {
		t.Errorf("%d plans were accepted, %d sessions exist", len(plans), len(s.all))
	}
	for i := range maxSessions {
		ringOf(t, s, fmt.Sprintf("s-%d", i))
	}
	if status := put(t, srv.URL+"/v1/plan?session=more", `{}`); status != http.StatusBadRequest {
		t.Errorf("session %d: %d", maxSessions+1, status)
	}
	if status := put(t, srv.URL+"/v1/plan?session=s-0", `{}`); status != http.StatusNoContent {
		t.Errorf("an existing session: %d", status)
	}
	// All buffers together are limited as one alone.
	sum := 0
	for _, x := range s.all {
		sum += x.ring.maxBytes
	}
	if sum > keepBytes || sum < keepBytes/2 {
		t.Errorf("the buffers of %d sessions may have %d bytes in total, the limit is %d", len(s.all), sum, keepBytes)
	}
}

// Sessions that end leak no goroutine.
func TestSessionsLeakNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		var c observerCount
		s := newSessions(ctx, func() int64 { return 0 }, c.begin, time.Millisecond, time.Millisecond)
		for i := range 20 {
			ringOf(t, s, fmt.Sprintf("s-%d", i))
		}
		time.Sleep(5 * time.Millisecond)
		cancel()
		s.Wait()
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}
