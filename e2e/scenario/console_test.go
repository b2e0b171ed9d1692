package scenario

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// After a pod was replaced the commands are run in the replacement: only it may know that it was not taken in.
func TestConsoleAsksTheYoungest(t *testing.T) {
	for young, want := range map[int]string{0: rt.UID(0), 1: rt.UID(1), 2: rt.UID(2), -1: rt.UID(0)} {
		s := rt.Console(3)
		s.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) {
			e.Pod.Created = time.Unix(1000, 0)
			if young >= 0 && e.Pod.UID == rt.UID(young) {
				e.Pod.Created = time.Unix(1030, 0)
			}
		})
		var asked []string
		r := NewRecorder(rt.Start())
		if err := r.Begin(filepath.Join(t.TempDir(), "console.jsonl"), s.Header()); err != nil {
			t.Fatal(err)
		}
		for _, e := range s.Events {
			if e.Exec == nil {
				r.Sink(e)
			}
		}
		err := Console(t.Context(), r, []profile.Command{{Name: "ping"}, {Name: "eval"}}, func(_ context.Context, p *view.Pod, c profile.Command) recording.Exec {
			asked = append(asked, p.UID)
			return recording.Exec{Pod: p.UID, Name: c.Name}
		})
		if err != nil || len(asked) != 2 || asked[0] != want || asked[1] != want {
			t.Errorf("youngest %d: asked %v, %v; want %s twice", young, asked, err, want)
		}
	}
}
