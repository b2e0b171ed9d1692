package run

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
)

// An API server that is away when an object is created gets the whole object when it is back.
func TestAnAPIServerThatComesBackIsWaitedFor(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	var says []string
	client, err := kubernetes.NewForConfig(patient(&rest.Config{Host: "http://" + address}, func(s string) { says = append(says, s) }))
	if err != nil {
		t.Fatal(err)
	}
	var got atomic.Value
	api := &httptest.Server{Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got.Store(r.Method + " " + string(b))
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(b)
	})}}
	back := time.AfterFunc(1200*time.Millisecond, func() {
		if api.Listener, err = net.Listen("tcp", address); err == nil {
			api.Start()
		}
	})
	defer func() {
		if !back.Stop() {
			api.Close()
		}
	}()
	_, err = client.CoreV1().ConfigMaps("shop").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "all-of-it"}}, metav1.CreateOptions{})
	if s, _ := got.Load().(string); err != nil || !strings.HasPrefix(s, "POST ") || !strings.Contains(s, "all-of-it") {
		t.Errorf("%v; it got %q", err, s)
	}
	if len(says) != 1 || !strings.Contains(says[0], "connection refused") {
		t.Errorf("said %q", says)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWhatMayHaveBeenCarriedOutIsNotSentAgain(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		err   error
		limit time.Duration
		body  io.Reader
		end   bool // of the context, at once
		tries int
	}{
		"an answer that is lost":           {err: io.ErrUnexpectedEOF, limit: time.Hour, tries: 1},
		"a connection that broke":          {err: &net.OpError{Op: "read", Err: errors.New("reset")}, limit: time.Hour, tries: 1},
		"a limit that is over":             {err: refused, limit: 700 * time.Millisecond, tries: 3},
		"a body that cannot be read again": {err: refused, limit: time.Hour, body: io.MultiReader(strings.NewReader("x")), tries: 1},
		"a run that is interrupted":        {err: refused, limit: time.Hour, end: true, tries: 1},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if c.end {
			cancel()
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://x.example", c.body)
		if err != nil {
			t.Fatal(err)
		}
		tries := 0
		w := &waiting{transport(func(*http.Request) (*http.Response, error) { tries++; return nil, c.err }), func(string) {}, c.limit}
		if _, err := w.RoundTrip(r); !errors.Is(err, c.err) || tries != c.tries {
			t.Errorf("%s: %v after %d tries", name, err, tries)
		}
		cancel()
	}
}

// A scenario measures from what it did. Where nobody knows when that was, it says so, and judges nothing.
func TestAnActThatTookLongIsVoid(t *testing.T) {
	rec := scenario.NewRecorder(time.Now())
	if err := rec.Begin(filepath.Join(t.TempDir(), "r.jsonl"), rt.Formation(3).Header()); err != nil {
		t.Fatal(err)
	}
	d := &deployment{recorder: rec}
	slow := func() error { time.Sleep(promptly + 10*time.Millisecond); return nil }
	for _, do := range []func() error{func() error { return nil }, func() error { return errors.New("no") }, slow} {
		before := time.Now()
		_ = d.promptly("delete pod a", do)
		rec.Ask(func(v *view.View) {
			if late := time.Since(before) > promptly; late != strings.Contains(v.Void(), "the API server took 5.0 s to delete pod a") {
				t.Errorf("after %s: %q", time.Since(before), v.Void())
			}
		})
	}
	if _, err := rec.End(); err != nil {
		t.Error(err)
	}
}

// The report notes when an observer was blind for long, with the scenario.
func TestLongGapsAreNoted(t *testing.T) {
	s := rt.Formation(3)
	s.Add(recording.Event{T: 9 * time.Second, By: recording.ByKube, Gap: &recording.Gap{From: 5 * time.Second, To: 9 * time.Second, Why: "the API server did not answer"}})
	v, err := view.New(s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		v.Apply(e)
	}
	d := &deployment{redactor: &secrets.Redactor{}, log: func(string) {}}
	(&workloadRun{}).noteGaps(recording.Formation, v)
	(&workloadRun{deployment: d}).noteGaps(recording.Formation, v)
	if want := "formation: the watch of the API server saw nothing from 5.0 s to 9.0 s: the API server did not answer"; len(d.notes) != 1 || d.notes[0] != want {
		t.Errorf("%q", d.notes)
	}
}
