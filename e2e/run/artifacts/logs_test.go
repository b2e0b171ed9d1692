package artifacts

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// apiServer answers the requests for logs, in their order; the last answer is repeated.
type apiServer struct {
	mu      sync.Mutex
	asked   []url.Values
	answers []http.HandlerFunc
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, r.URL.Query())
	s.mu.Unlock()
	answer(w, r)
}

func (s *apiServer) times() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func waiting(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"container \"derl\" in pod \"derl-0\" is waiting to start: ContainerCreating","reason":"BadRequest","code":400}`)
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, text) }
}

// collected are artifacts that read their logs from the answers, with small limits.
func collected(t *testing.T, r *secrets.Redactor, answers ...http.HandlerFunc) (*Artifacts, *apiServer, string) {
	t.Helper()
	s := &apiServer{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "ns")
	a, err := limited(client, "ns", dir, r, limits{head: 4096, tail: 512, all: 10000, first: 2 * time.Millisecond, most: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.cancel(errEnded) })
	return a, s, dir
}

func (a *Artifacts) seen(restarts int32, gone bool, state string) {
	a.See(recording.Event{T: time.Second, Pod: &recording.Pod{UID: "11111111-a", Name: "derl-0", Gone: gone, Containers: []recording.Container{{Name: "derl", State: state, Restarts: restarts}}}})
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 10 s: " + what)
		}
	}
}

// A container that is being created has no log yet, and has one a moment later.
func TestALogIsAskedForAgain(t *testing.T) {
	a, s, dir := collected(t, &secrets.Redactor{}, waiting, waiting, says("it has started\n"))
	a.seen(0, false, "running")
	a.wg.Wait()
	a.Close()
	if got := content(t, dir, "derl-0.derl.0.log"); got != "it has started\n" || s.times() != 3 {
		t.Errorf("%q after %d requests", got, s.times())
	}
	if got := content(t, dir, "events.log"); got != "" {
		t.Errorf("events.log: %q", got)
	}
}

// A log that nobody could read is not missing without a word.
func TestALogThatCannotBeReadIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		then func(a *Artifacts)
		says string
	}{
		"the run ends": {func(a *Artifacts) { a.Close() }, "the run of the workload ended before it could be read: container \"derl\" in pod \"derl-0\" is waiting to start: ContainerCreating"},
		"the pod goes": {func(a *Artifacts) { a.seen(0, true, "running"); a.wg.Wait(); a.Close() }, "the pod is gone: container"},
		"two more starts": {func(a *Artifacts) {
			a.starts["11111111-a.derl"] = 0
			a.seen(2, false, "waiting")
			a.seen(0, true, "waiting")
			a.wg.Wait()
			a.Close()
		}, "the container was started twice more before it could be read"},
	} {
		a, s, dir := collected(t, &secrets.Redactor{}, waiting)
		a.seen(0, false, "running")
		until(t, name, func() bool { return s.times() > 2 })
		c.then(a)
		for _, file := range []string{"derl-0.derl.0.log", "events.log"} {
			if got := content(t, dir, file); !strings.Contains(got, "the log of container derl (start 0) could not be read: "+c.says) {
				t.Errorf("%s: %s: %q", name, file, got)
			}
		}
	}
}

// A container that was started again before its log could be read has a log of its former start.
func TestTheLogBeforeARestartIsRead(t *testing.T) {
	s := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("previous") == "true" {
			says("the first start\n")(w, r)
			return
		}
		says("the second start\n")(w, r)
	}
	a, server, dir := collected(t, &secrets.Redactor{}, waiting, waiting, s)
	server.mu.Lock() // no answer before the restart is known
	a.seen(0, false, "running")
	a.seen(1, false, "running")
	server.mu.Unlock()
	a.wg.Wait()
	a.Close()
	for file, want := range map[string]string{"derl-0.derl.0.log": "the first start\n", "derl-0.derl.1.log": "the second start\n"} {
		if got := content(t, dir, file); got != want {
			t.Errorf("%s: %q", file, got)
		}
	}
	// One that is only seen when it has been started again has two logs, too, also while it waits for its next start.
	a, _, dir = collected(t, &secrets.Redactor{}, s)
	a.seen(3, false, "waiting")
	a.wg.Wait()
	a.Close()
	if content(t, dir, "derl-0.derl.2.log") != "the first start\n" || content(t, dir, "derl-0.derl.3.log") != "the second start\n" {
		t.Error("the logs of a container in a crash loop are not what it printed")
	}
}

// A stream that breaks is read on, and the break is marked.
func TestABrokenStreamIsReadOn(t *testing.T) {
	a, s, dir := collected(t, &secrets.Redactor{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = fmt.Fprint(w, "before\n")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}, says("after\n"))
	a.seen(0, false, "running")
	a.wg.Wait()
	a.Close()
	got := content(t, dir, "derl-0.derl.0.log")
	if !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter\n") || !strings.Contains(got, "[meshproof: the connection broke here") {
		t.Errorf("%q", got)
	}
	if s.asked[0].Get("sinceSeconds") != "" || s.asked[1].Get("sinceSeconds") == "" {
		t.Errorf("asked were %v", s.asked)
	}
}

// A container that never stops to log fills no disk; no part of a cookie is left where its log is cut, whatever its length.
func TestAnEndlessLogIsCut(t *testing.T) {
	var r secrets.Redactor
	const secret = "s3cr3t-0f-the-sh0p-42"
	r.Guard([]byte(secret))
	for name, line := range map[string]string{
		"lines":      "the cookie is " + secret + ", and some more text that differs in length %d\n",
		"one line":   secret + "-%d-",
		"long lines": strings.Repeat(secret+" ", 300) + "%d\n",
	} {
		a, s, dir := collected(t, &r, func(w http.ResponseWriter, r *http.Request) {
			for i := 0; r.Context().Err() == nil; i++ {
				if _, err := fmt.Fprintf(w, line, i); err != nil {
					return
				}
			}
		})
		a.seen(0, false, "running")
		path := filepath.Join(dir, "derl-0.derl.0.log")
		until(t, name, func() bool { return s.times() > 0 })
		time.Sleep(300 * time.Millisecond)
		if st, err := os.Stat(path); err != nil || st.Size() > 4096 {
			t.Errorf("%s: while it runs: %v, %v", name, st, err)
		}
		a.Close()
		got := content(t, dir, "derl-0.derl.0.log")
		if len(got) > 4096+512+100 || strings.Count(got, "bytes were left out here]") != 1 {
			t.Errorf("%s: %d bytes\n%s", name, len(got), got)
		}
		for i := range len(secret) - 6 {
			if part := secret[i : i+6]; strings.Contains(got, part) {
				t.Errorf("%s: %q of the cookie is in\n%s", name, part, got)
			}
		}
		if events := content(t, dir, "events.log"); !strings.Contains(events, "bytes of the log of container derl (start 0) were left out") {
			t.Errorf("%s: events.log: %q", name, events)
		}
	}
}

// Many logs together have a quota, and so have the events.
func TestAWorkloadHasAQuota(t *testing.T) {
	a, _, dir := collected(t, &secrets.Redactor{}, says(strings.Repeat("nine char\n", 300)))
	for i := range 10 {
		a.See(recording.Event{T: time.Second, Pod: &recording.Pod{UID: fmt.Sprintf("%08d", i), Name: fmt.Sprintf("derl-%d", i), Containers: []recording.Container{{Name: "derl", State: "running"}}}})
	}
	for range 1000 {
		a.See(recording.Event{Notice: &recording.Notice{Object: "Pod/derl-0", Type: "Warning", Reason: "BackOff", Message: "again"}})
	}
	a.wg.Wait()
	a.Close()
	all := 0
	for i := range 10 {
		got := content(t, dir, fmt.Sprintf("derl-%d.derl.0.log", i))
		if all += len(got); len(got) < 3000 && !strings.Contains(got, "bytes were left out here]") {
			t.Errorf("%d: %q", i, got)
		}
	}
	if all > 10000+10*100 {
		t.Errorf("%d bytes are kept", all)
	}
	if events := content(t, dir, "events.log"); len(events) > 4096+512+100 || !strings.Contains(events, "bytes were left out here]") {
		t.Errorf("%d bytes of events", len(events))
	}
}
