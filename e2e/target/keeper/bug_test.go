package keeper

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
	"meshproof.dev/meshproof/e2e/target/state"
)

// brokenWriter panics when the keeper says that the cluster is there. It stands for any bug in the keeper's own code.
type brokenWriter struct{ io.Writer }

func (w brokenWriter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), `"event":"created"`) {
		panic("no pen")
	}
	return w.Writer.Write(b)
}

// A bug in the keeper does not end it silently: what it owns is removed, and the harness gets the reason.
func TestABugInTheKeeper(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	s := spec(dir)
	s.Cluster.Phase = state.Up
	if err := state.Dir(dir).Write(s.Cluster); err != nil {
		t.Fatal(err)
	}
	eventsR, eventsW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{orders: make(chan order, 1), out: json.NewEncoder(brokenWriter{eventsW})}
	p.orders <- order{Do: doAdopt, Spec: &s}
	if code := p.guarded(); code != 1 {
		t.Errorf("it ends with %d", code)
	}
	_ = eventsW.Close()
	said, err := io.ReadAll(eventsR)
	if err != nil || !strings.Contains(string(said), `"event":"failed","text":"a bug of ours: no pen`) {
		t.Errorf("the harness heard %s, %v", said, err)
	}
	if !empty(fake.Left()) {
		t.Errorf("left: %v", fake.Left())
	}
	gone(t, dir)

	// The harness's end makes an error of it.
	k := &Keeper{PID: 7, ended: make(chan struct{})}
	if k.Failed() != nil {
		t.Error("a keeper that lives has failed")
	}
	k.last = event{evFailed, "a bug of ours: no pen"}
	close(k.ended)
	if err := k.Failed(); err == nil || !strings.Contains(err.Error(), "a bug of ours: no pen") {
		t.Error(err)
	}
	if err := k.Created(within(t, time.Millisecond)); err == nil {
		t.Error("it was created")
	}
}
