package scenario

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// What goes wrong with a fault is wrong in later scenarios, too: they are made with the same pods. What could not be healed is so
// until it is healed.
func TestWhatIsWrongWithAFaultStaysSo(t *testing.T) {
	r := NewRecorder(time.Now())
	void := func() string {
		if err := r.Begin(filepath.Join(t.TempDir(), "r.jsonl"), rt.Formation(3).Header()); err != nil {
			t.Fatal(err)
		}
		v, err := r.End()
		if err != nil {
			t.Fatal(err)
		}
		return v.Void()
	}
	if why := void(); why != "" {
		t.Errorf("a scenario without a fault: %s", why)
	}
	r.Did(recording.Act{Do: recording.Unhealed, Pod: "a", Detail: "cut of a could not be healed"})
	r.Did(recording.Act{Do: recording.Unhealed, Pod: "b", Detail: "cut of b could not be healed"})
	r.Did(recording.Act{Do: recording.Heal, Pod: "a"})
	if why := void(); why != "cut of b could not be healed" {
		t.Errorf("the next scenario is void because %q", why)
	}
	r.Did(recording.Act{Do: recording.Heal, Pod: "b"})
	if why := void(); why != "" {
		t.Errorf("after the heal: %s", why)
	}
	r.Did(recording.Act{Do: recording.Void, Pod: "b", Detail: "drop-dns of b could not be put in place"})
	r.Did(recording.Act{Do: recording.Heal, Pod: "b"})
	for range 2 {
		if why := void(); !strings.Contains(why, "put in place") {
			t.Errorf("pods with a part of their faults are judged: %q", why)
		}
	}
}

// A recording in which a heal was late is void, although it came.
func TestALateHealMakesItsScenarioVoid(t *testing.T) {
	r := NewRecorder(time.Now())
	if err := r.Begin(filepath.Join(t.TempDir(), "r.jsonl"), rt.Formation(3).Header()); err != nil {
		t.Fatal(err)
	}
	r.Did(recording.Act{Do: recording.Unhealed, Pod: "a", Detail: "cut of a could not be healed"})
	r.Did(recording.Act{Do: recording.Heal, Pod: "a"})
	r.Ask(func(v *view.View) {
		if v.Void() != "cut of a could not be healed" {
			t.Errorf("void because %q", v.Void())
		}
	})
}

// While a scenario waits, people see for what, and what is missing.
func TestAWaitIsShown(t *testing.T) {
	r := NewRecorder(time.Now())
	if err := r.Begin(filepath.Join(t.TempDir(), "r.jsonl"), rt.Formation(3).Header()); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	board := progress.NewLog(&shown, time.Now(), 10*time.Millisecond)
	never := func(*view.View) (bool, string) { return false, "2 of 3 pods are Ready" }
	missing, err := r.Until(progress.With(context.Background(), board), 200*time.Millisecond, "all pods of dns-a to be Ready", never)
	if board.Close(); err != nil || missing != "2 of 3 pods are Ready" {
		t.Errorf("%q, %v", missing, err)
	}
	if !strings.Contains(shown.String(), "waiting 0 s for all pods of dns-a to be Ready: 2 of 3 pods are Ready\n") {
		t.Errorf("it shows\n%s", shown.String())
	}
}
