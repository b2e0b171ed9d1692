package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/recording"
)

const secret = "QZYXSECRETCOOKIE"

func fault(what string) recording.Event {
	return recording.Event{ObserverError: &recording.ObserverError{What: what}}
}

// planRecorder is an observer that only passes on the plans that it gets.
type planRecorder chan agent.Plan

func (w planRecorder) SetPlan(p agent.Plan)    { w <- p }
func (w planRecorder) Run(ctx context.Context) { <-ctx.Done() }

// newTestSessions returns sessions with a fixed clock, and the plans that they get.
func newTestSessions(t *testing.T) (*Sessions, chan agent.Plan) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	plans := make(chan agent.Plan, 100)
	s := NewSessions(ctx, func() int64 { return 42 }, func(func(recording.Event)) Observer { return planRecorder(plans) })
	t.Cleanup(func() {
		cancel()
		s.Wait()
	})
	return s, plans
}

// start serves a session on a real listener. It returns its buffer, a function that makes URLs for it, and the plans that
// it gets.
func start(t *testing.T) (ring *Ring, url func(path string) string, plans chan agent.Plan) {
	t.Helper()
	sessions, plans := newTestSessions(t)
	s := httptest.NewServer(Handler(recording.Start{Version: "v1", Node: "n1", Can: []string{"netns"}}, sessions))
	t.Cleanup(s.Close)
	return ringOf(t, sessions, "app"), func(path string) string {
		path, query, _ := strings.Cut(path, "?")
		return s.URL + "/v1/" + path + "?session=app&" + query
	}, plans
}

func ringOf(t *testing.T, s *Sessions, name string) *Ring {
	t.Helper()
	r, err := s.Ring(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// lines opens a stream and reads its head and the next n lines.
func lines(t *testing.T, url string, n int) (head agent.Head, got []agent.Line) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	if err := d.Decode(&head); err != nil {
		t.Fatal(err)
	}
	for range n {
		var l agent.Line
		if err := d.Decode(&l); err != nil {
			t.Fatalf("after %d of %d lines: %v", len(got), n, err)
		}
		got = append(got, l)
	}
	return head, got
}

func TestStreamIsResumed(t *testing.T) {
	ring, url, _ := start(t)
	for i := range 5 {
		ring.Add(fault(fmt.Sprint(i)), int64(i))
	}
	head, got := lines(t, url("stream?from=0"), 5)
	if head.Lost != 0 || head.Run == "" || got[4].Seq != 4 || got[4].Boot != 4 || got[4].Event.ObserverError.What != "4" {
		t.Errorf("%+v %+v", head, got)
	}
	// A line that is added while a client waits is sent, too.
	go func() {
		time.Sleep(20 * time.Millisecond)
		ring.Add(fault("5"), 5)
	}()
	again, got := lines(t, url("stream?run="+head.Run+"&from=4"), 2)
	if again != (agent.Head{Run: head.Run}) || got[0].Seq != 4 || got[1].Seq != 5 {
		t.Errorf("from 4 on: %+v %+v", again, got)
	}
	// A client with the id of an earlier run gets all lines, and the new id.
	other, got := lines(t, url("stream?run=ANOTHER&from=1000"), 6)
	if other.Run == "ANOTHER" || other.Lost != 0 || got[0].Seq != 0 {
		t.Errorf("after a restart: %+v %+v", other, got)
	}
}

func TestOverrunCountsLostLines(t *testing.T) {
	ring, url, _ := start(t)
	for i := range keepLines + 100 {
		ring.Add(fault("x"), int64(i))
	}
	head, got := lines(t, url("stream?run="+ring.run+"&from=30"), 1)
	if head.Lost != 70 || got[0].Seq != 100 {
		t.Errorf("from 30 of a ring that starts at 100: %+v, first %d", head, got[0].Seq)
	}
	// Large lines are limited by their bytes.
	ring.maxBytes = 1 << 20
	big := strings.Repeat("x", ring.maxBytes/10)
	for range 30 {
		ring.Add(fault(big), 0)
	}
	if ring.bytes > ring.maxBytes || len(ring.lines) < 5 || len(ring.lines) > 10 {
		t.Errorf("the buffer has %d lines with %d bytes in total", len(ring.lines), ring.bytes)
	}
	ring.Add(fault(big+strings.Repeat(big, 10)), 0)
	if len(ring.lines) != 1 {
		t.Errorf("after a line longer than the limit the buffer has %d lines, want 1", len(ring.lines))
	}
}

func TestManyStreamsAtOnce(t *testing.T) {
	ring, url, _ := start(t)
	done := make(chan []agent.Line)
	for range 8 {
		go func() {
			_, got := lines(t, url("stream?from=0"), 200)
			done <- got
		}()
	}
	for i := range 200 {
		ring.Add(fault(strings.Repeat("x", i)), int64(i))
	}
	for range 8 {
		for i, l := range <-done {
			if l.Seq != uint64(i) || len(l.Event.ObserverError.What) != i {
				t.Fatalf("line %d is %+v", i, l)
			}
		}
	}
}

// The timeout for reading a request must not end its stream.
func TestStreamOutlivesTheReadTimeout(t *testing.T) {
	sessions, _ := newTestSessions(t)
	ring := ringOf(t, sessions, "app")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	const limit = 100 * time.Millisecond
	go func() {
		served <- serve(ctx, l, Handler(recording.Start{}, sessions), limit)
	}()
	go func() {
		for i := range 2 {
			time.Sleep(3 * limit)
			ring.Add(fault("late"), int64(i))
		}
	}()
	if _, got := lines(t, "http://"+l.Addr().String()+"/v1/stream?session=app&from=0", 2); len(got) != 2 {
		t.Errorf("%+v", got)
	}

	// A connection without a complete request is closed.
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := io.WriteString(c, "GET /v1/start HTTP/1.1\r\nHost: a\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection with half a request stays open")
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("serve returned an error at the end of its context: %v", err)
	}
}

func TestPlans(t *testing.T) {
	_, url, plans := start(t)
	const pod = `{"uid":"11111111-2222-3333-4444-555555555555","ip":"10.1.2.3","node":"n1"}`
	cookie := base64.StdEncoding.EncodeToString([]byte(secret))
	good := `{"pods":[` + pod + `],"dnsName":"a.","epmdPort":4369,"distPort":0,"cookie":"` + cookie + `","control":true}`
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"a plan", good, 204},
		{"an empty plan", `{}`, 204},
		{"no JSON", secret, 400},
		{"nothing", ``, 400},
		{"another type", `{"cookie":"` + cookie + `","pods":"` + secret + `"}`, 400},
		{"a cookie that is not base64", `{"cookie":"` + secret + `!"}`, 400},
		{"an unknown field", `{"cookie":"` + cookie + `","` + secret + `":1}`, 400},
		{"more after the plan", good + secret, 400},
		{"a second plan after the plan", good + good, 400},
		{"half a plan", good[:len(good)-5], 400},
		{"too large", `{"dnsName":"` + strings.Repeat("x", maxPlan) + `","cookie":"` + cookie + `"}`, 400},
		{"a name for an address", strings.Replace(good, "10.1.2.3", secret+".example", 1), 400},
		{"an address with a port", strings.Replace(good, "10.1.2.3", "10.1.2.3:22", 1), 400},
		{"a uid that is a path", strings.Replace(good, "11111111-2222", "../../../"+secret, 1), 400},
		{"a uid that any path holds", strings.Replace(good, "11111111-2222-3333-4444-555555555555", "a", 1), 400},
		{"a port that is none", strings.Replace(good, "4369", "65536", 1), 400},
		{"a port below zero", strings.Replace(good, `"distPort":0`, `"distPort":-1`, 1), 400},
		{"a cookie too long", `{"cookie":"` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(secret, 20))) + `"}`, 400},
		{"too many pods", `{"pods":[` + strings.Repeat(pod+",", 5000) + pod + `]}`, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPut, url("plan"), strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != c.status {
				t.Errorf("%s %q, want %d (%v)", resp.Status, answer, c.status, err)
			}
			if strings.Contains(string(answer), secret) || strings.Contains(string(answer), cookie) {
				t.Errorf("the answer quotes the plan: %q", answer)
			}
			if taken := len(plans) > 0; taken != (c.status == 204) {
				t.Errorf("the plan was accepted: %v", taken)
			}
			for len(plans) > 0 {
				if p := <-plans; c.body == good && (string(p.Cookie) != secret || len(p.Pods) != 1 || p.Pods[0].IP != "10.1.2.3" || !p.Control) {
					t.Errorf("the plan arrived as %+v", p.Pods)
				}
			}
		})
	}
}

// No response contains the cookie of a plan.
func TestNoResponseContainsTheCookie(t *testing.T) {
	_, url, plans := start(t)
	body, err := json.Marshal(agent.Plan{Cookie: []byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	put, err := http.NewRequest(http.MethodPut, url("plan"), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(put)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%v %v", resp, err)
	}
	_ = resp.Body.Close()
	if p := <-plans; string(p.Cookie) != secret {
		t.Fatal("the cookie did not arrive: the test proves nothing")
	}
	for path, status := range map[string]int{"start": 200, "clock": 200, "plan": 405, "": 404, "stream": 400, "stream?from=-1": 400, "stream?from=" + secret: 400} {
		resp, err := http.Get(url(path))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != status {
			t.Errorf("GET %s: %s, want %d (%v)", path, resp.Status, status, err)
		}
		for _, s := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
			if strings.Contains(string(answer), s) {
				t.Errorf("the response to GET %s contains the cookie: %q", path, answer)
			}
		}
	}
}

// Add drops an event that does not marshal, so every event type must.
func TestEveryEventMarshals(t *testing.T) {
	e := reflect.TypeFor[recording.Event]()
	ring := NewRing()
	n := 0
	for i := range e.NumField() {
		f := e.Field(i)
		if f.Type.Kind() != reflect.Pointer {
			continue
		}
		n++
		var event recording.Event
		reflect.ValueOf(&event).Elem().Field(i).Set(reflect.New(f.Type.Elem()))
		if event.Object != nil {
			event.Object.Manifest = json.RawMessage(`{}`) // never empty
		}
		ring.Add(event, 0)
		if len(ring.lines) != n {
			t.Fatalf("an event %s is not stored", f.Name)
		}
		var l agent.Line
		if err := json.Unmarshal(ring.lines[n-1], &l); err != nil || !reflect.DeepEqual(l.Event, event) {
			t.Errorf("%s is read back as %+v, %v", f.Name, l.Event, err)
		}
	}
	if n < 10 {
		t.Errorf("recording.Event has only %d kinds of events", n)
	}
}

// What repeats an earlier line is sent as such, but for clients that cannot have that line.
func TestRepeatedLooksAreShort(t *testing.T) {
	ring, url, _ := start(t)
	look := recording.Event{Nodes: &recording.Nodes{Pod: "a", Outcome: recording.OK, Visible: []string{"b@10.0.0.2"}}}
	ring.Add(look, 1)
	ring.Add(look, 2)
	head, got := lines(t, url("stream?from=0"), 2)
	if got[0].Event.Nodes == nil || got[1].Event.Again == nil || got[1].Event.Again.As != got[0].Seq {
		t.Fatalf("the second of two equal looks was sent as %+v", got[1].Event)
	}
	for i := range keepLines {
		ring.Add(fault("x"), int64(i))
	}
	lines(t, url("stream?run="+head.Run+"&from=1"), 1)
	ring.Add(look, 3)
	_, got = lines(t, fmt.Sprintf("%s&run=%s&from=%d", url("stream?x"), head.Run, ring.next-1), 1)
	if got[0].Event.Nodes == nil {
		t.Errorf("after lines were lost the next look was sent as %+v", got[0].Event)
	}
}
