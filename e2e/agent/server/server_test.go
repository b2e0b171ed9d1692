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

// watcher stands for an observer, of which only the plans that came are seen.
type watcher chan agent.Plan

func (w watcher) SetPlan(p agent.Plan)    { w <- p }
func (w watcher) Run(ctx context.Context) { <-ctx.Done() }

// served is an agent of which the clock stands still, and its sessions' plans.
func served(t *testing.T) (*Sessions, chan agent.Plan) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	plans := make(chan agent.Plan, 100)
	s := NewSessions(ctx, func() int64 { return 42 }, func(func(recording.Event)) Observer { return watcher(plans) })
	t.Cleanup(func() {
		cancel()
		s.Wait()
	})
	return s, plans
}

// start serves a session on a real listener and gives its buffer, the URL of a path with it, and the plans that came.
func start(t *testing.T) (ring *Ring, url func(path string) string, plans chan agent.Plan) {
	t.Helper()
	sessions, plans := served(t)
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

func TestStreamGoesOnWhereItStopped(t *testing.T) {
	ring, url, _ := start(t)
	for i := range 5 {
		ring.Add(fault(fmt.Sprint(i)), int64(i))
	}
	head, got := lines(t, url("stream?from=0"), 5)
	if head.Lost != 0 || head.Run == "" || got[4].Seq != 4 || got[4].Boot != 4 || got[4].Event.ObserverError.What != "4" {
		t.Errorf("%+v %+v", head, got)
	}
	// What is added while a client waits comes, too.
	go func() {
		time.Sleep(20 * time.Millisecond)
		ring.Add(fault("5"), 5)
	}()
	again, got := lines(t, url("stream?run="+head.Run+"&from=4"), 2)
	if again != (agent.Head{Run: head.Run}) || got[0].Seq != 4 || got[1].Seq != 5 {
		t.Errorf("from 4 on: %+v %+v", again, got)
	}
	// A client of an earlier run gets all, wherever it was, and can tell.
	other, got := lines(t, url("stream?run=ANOTHER&from=1000"), 6)
	if other.Run == "ANOTHER" || other.Lost != 0 || got[0].Seq != 0 {
		t.Errorf("after a restart: %+v %+v", other, got)
	}
}

func TestOverrunTellsHowMuchIsLost(t *testing.T) {
	ring, url, _ := start(t)
	for i := range keepLines + 100 {
		ring.Add(fault("x"), int64(i))
	}
	head, got := lines(t, url("stream?run="+ring.run+"&from=30"), 1)
	if head.Lost != 70 || got[0].Seq != 100 {
		t.Errorf("from 30 of a ring that begins at 100: %+v, first %d", head, got[0].Seq)
	}
	// Large lines are bounded by their bytes.
	ring.most = 1 << 20
	big := strings.Repeat("x", ring.most/10)
	for range 30 {
		ring.Add(fault(big), 0)
	}
	if ring.bytes > ring.most || len(ring.lines) < 5 || len(ring.lines) > 10 {
		t.Errorf("%d lines of %d bytes in all are kept", len(ring.lines), ring.bytes)
	}
	ring.Add(fault(big+strings.Repeat(big, 10)), 0)
	if len(ring.lines) != 1 {
		t.Errorf("of a line that is too long alone %d are kept", len(ring.lines))
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

// The time that a client has to send its request in must not end its stream.
func TestStreamOutlivesTheReadTimeout(t *testing.T) {
	sessions, _ := served(t)
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

	// Who sends no request is hung up on.
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
		t.Error("half a request is waited for without end")
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("the end of the context is an error: %v", err)
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
				t.Errorf("the plan was taken: %v", taken)
			}
			for len(plans) > 0 {
				if p := <-plans; c.body == good && (string(p.Cookie) != secret || len(p.Pods) != 1 || p.Pods[0].IP != "10.1.2.3" || !p.Control) {
					t.Errorf("the plan arrived as %+v", p.Pods)
				}
			}
		})
	}
}

// What one asks for after a plan was given holds nothing of its cookie.
func TestNoAnswerHoldsTheCookie(t *testing.T) {
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
				t.Errorf("GET %s answers %q", path, answer)
			}
		}
	}
}

// Add drops what does not marshal: nothing may.
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
			t.Fatalf("an event %s is not kept", f.Name)
		}
		var l agent.Line
		if err := json.Unmarshal(ring.lines[n-1], &l); err != nil || !reflect.DeepEqual(l.Event, event) {
			t.Errorf("%s comes back as %+v, %v", f.Name, l.Event, err)
		}
	}
	if n < 10 {
		t.Errorf("only %d kinds of events were seen", n)
	}
}
