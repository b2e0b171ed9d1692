package run

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// Each run of a soak has a name, a namespace and files of its own, however long its profile's name is, and though another profile has
// a name like that.
func TestRunsOfASoakAreToldApart(t *testing.T) {
	w, like := some(t, func(*profile.MutantSpec) {}), some(t, func(*profile.MutantSpec) {})
	w.Profile.Metadata.Name = strings.Repeat("long-", 12) + "name"
	like.Profile.Metadata.Name = w.Profile.Metadata.Name + "-1"
	ws := append(workload.Repeated([]*workload.Workload{w}, 12), like)
	names, files, spaces := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, x := range ws {
		r := &workloadRun{workload: x}
		ns := newNamespace(x)
		names[x.Name()], files[r.file(recording.Formation)], spaces[ns[:strings.LastIndex(ns, "-")]] = true, true, true
		if len(ns) > 63 || x != like && x.Nth != i+1 {
			t.Errorf("run %d of %s: namespace %s", x.Nth, x.Name(), ns)
		}
	}
	if len(names) != 13 || len(files) != 13 || len(spaces) != 13 {
		t.Errorf("of 13 runs: %d names, %d files, %d namespaces: %v", len(names), len(files), len(spaces), spaces)
	}
	if w.Nth != 0 || strings.Contains(w.Name(), "#") {
		t.Errorf("the workload itself is changed: %s", w.Name())
	}
}

// What processes say of themselves is taken from all recordings of a soak, and from none of another run.
func TestASoakCollectsWhatProcessesHold(t *testing.T) {
	said := recording.Event{T: time.Second, By: recording.ByKube, Beat: &recording.Beat{Memory: 5 << 20}}
	for _, soak := range []*inUse{nil, {}} {
		d, _ := under(t, func(recording.Event) bool { return true })
		d.events, d.r.inUse = append(d.events, said), soak
		if err := d.record(t); err != nil {
			t.Fatal(err)
		}
		if soak != nil && (len(soak.all) == 0 || soak.all[0].Memory != 5<<20) {
			t.Errorf("%+v", soak.all)
		}
	}
	var h inUse
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { h.add([]view.Held{{By: "x"}}) })
	}
	if wg.Wait(); len(h.all) != 20 {
		t.Errorf("%d of 20", len(h.all))
	}
}

// What nobody waits for is not kept.
func TestJudgementsNobodyWaitsForAreNotKept(t *testing.T) {
	j := unawaited()
	j.publish(judged{"a", recording.Formation}, judge.Profile{Name: "a"})
	if len(j.all) > 0 {
		t.Errorf("%d are kept", len(j.all))
	}
	close(j.ended)
	if err := j.wait(t.Context(), func(all map[judged]judge.Profile) bool { return len(all) > 0 }); !errors.Is(err, errEnded) {
		t.Errorf("%v", err)
	}
	watched := newJudgements()
	watched.publish(judged{"a", recording.Formation}, judge.Profile{Name: "a"})
	if len(watched.all) != 1 {
		t.Errorf("%d are kept for those who wait", len(watched.all))
	}
}
