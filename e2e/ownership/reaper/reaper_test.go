package reaper

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// look is what the reaper sees at one look: the time in the Lease, or an error.
type look struct {
	renewed string
	err     error
}

// script is a cluster whose Lease looks so, one look after the other. The last look ends the test.
type script struct {
	looks   []look
	deletes []error // the answers to deletions; when they are spent the root is gone
	deleted int
	looked  int
	end     context.CancelFunc
}

func (s *script) Renewed(context.Context) (string, error) {
	if s.looked == len(s.looks) {
		s.end()
		return "", errors.New("the test has ended")
	}
	s.looked++
	return s.looks[s.looked-1].renewed, s.looks[s.looked-1].err
}

func (s *script) DeleteRoot(context.Context) error {
	s.deleted++
	if s.deleted <= len(s.deletes) {
		return s.deletes[s.deleted-1]
	}
	s.end()
	return errGone
}

func play(t *testing.T, s *script) (said []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	s.end = cancel
	tick := make(chan time.Time, 1)
	go func() {
		for ctx.Err() == nil {
			select {
			case tick <- time.Time{}:
			case <-ctx.Done():
			}
		}
	}()
	Run(ctx, s, tick, func(line string) { said = append(said, line) })
	return said
}

func TestTheReaperDeletesOnlyWhatIsDead(t *testing.T) {
	silent := int(Silence / Interval)
	refused := errors.New("connection refused")
	same := slices.Repeat([]look{{"10:00:00", nil}}, silent)
	for _, c := range []struct {
		name    string
		looks   []look
		deletes bool
		looked  int // looks until it deletes
	}{
		{"renewed at every look but one in 23", slices.Concat(same, []look{{"10:01:55", nil}}, slices.Repeat([]look{{"10:01:55", nil}}, silent-1)), false, 0},
		{"not renewed for two minutes", slices.Concat(same, same), true, silent + 1},
		{"a harness with another clock renews", []look{{"12:00:00", nil}, {"09:00:00", nil}, {"12:00:00", nil}}, false, 0},
		{"the Lease is gone", []look{{"10:00:00", nil}, {"", errGone}}, true, 2},
		{"there was none", []look{{"", errGone}}, true, 1},
		{"the API server does not answer for an hour", slices.Concat(same[:1], slices.Repeat([]look{{"", refused}}, 720), same[:silent-1]), false, 0},
		{"it never answered", slices.Repeat([]look{{"", refused}}, 720), false, 0},
		{"it answers now and then, and the Lease is not renewed", slices.Concat(same[:12], []look{{"", refused}}, same, []look{{"", refused}}), true, silent + 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{looks: c.looks}
			said := play(t, s)
			if (s.deleted > 0) != c.deletes || c.deletes && s.looked != c.looked {
				t.Errorf("deleted %d times after %d looks; said %q", s.deleted, s.looked, said)
			}
		})
	}
}

func TestTheReaperTriesUntilTheRootIsGone(t *testing.T) {
	s := &script{looks: []look{{"", errGone}}, deletes: []error{errors.New("the API server is starting"), errors.New("still starting")}}
	said := strings.Join(play(t, s), "\n")
	if s.deleted != 3 || !strings.Contains(said, "tried again: still starting") || !strings.Contains(said, "the root is deleted") {
		t.Errorf("deleted %d times, said:\n%s", s.deleted, said)
	}
	if s.looked != 1 {
		t.Error("it looked at the Lease of a run that is dead")
	}
}

func TestTheReapersRequests(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var asked []string
	code := http.StatusOK
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Preconditions struct{ UID string } }
		_ = json.NewDecoder(r.Body).Decode(&body)
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+body.Preconditions.UID))
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"spec":{"renewTime":"2026-11-28T19:00:00.000000Z"}}`))
	}))
	defer h.Close()
	a := &API{Host: h.URL, Lease: "/apis/coordination.k8s.io/v1/namespaces/meshproof-run-1/leases/meshproof-run-1", Root: "/apis/rbac.authorization.k8s.io/v1/clusterroles/meshproof-run-1", RootUID: "uid-1", TokenFile: token, HTTPClient: h.Client()}
	write("one\n")
	if at, err := a.Renewed(t.Context()); err != nil || at != "2026-11-28T19:00:00.000000Z" {
		t.Errorf("%q, %v", at, err)
	}
	write("two") // the kubelet replaces it
	if err := a.DeleteRoot(t.Context()); err != nil {
		t.Error(err)
	}
	want := []string{
		"GET /apis/coordination.k8s.io/v1/namespaces/meshproof-run-1/leases/meshproof-run-1 Bearer one",
		"DELETE /apis/rbac.authorization.k8s.io/v1/clusterroles/meshproof-run-1 Bearer two uid-1",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	for status, gone := range map[int]bool{http.StatusNotFound: true, http.StatusForbidden: false, http.StatusInternalServerError: false, http.StatusUnauthorized: false} {
		code = status
		if _, err := a.Renewed(t.Context()); err == nil || errors.Is(err, errGone) != gone {
			t.Errorf("%d: %v", status, err)
		}
	}
	code = http.StatusConflict // another object has the root's name
	if err := a.DeleteRoot(t.Context()); !errors.Is(err, errGone) {
		t.Error(err)
	}
	if _, err := a.Renewed(t.Context()); err == nil || errors.Is(err, errGone) {
		t.Errorf("no Lease is gone for a conflict: %v", err)
	}
}
