package observe

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/guard"
)

// A panic in a goroutine that observes, here in a callback of the pods' watch, does not end the process: the run gets it.
func TestAPanicInAnObserver(t *testing.T) {
	a := newAPI(t)
	o, _, _ := observed(t, a)
	caught := make(chan error, 10)
	o.Caught = func(err error) { caught <- err }
	begin(t, o)
	o.Owns = func(map[string]string, string) bool { panic("whose pod?") }
	a.put("ADDED", pod("a", nil))
	select {
	case err := <-caught:
		if b := guard.Bug(err); b == nil || b.Sentence() != "a bug of ours: whose pod?" {
			t.Errorf("caught was %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was caught")
	}
}
