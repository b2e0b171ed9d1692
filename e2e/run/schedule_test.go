package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

func TestCapacityIsTheScarcerOfCoresAndMemory(t *testing.T) {
	for _, c := range []struct {
		cores  int
		memory int64
		want   int
	}{{2, 64 << 30, 24}, {2, 1 << 30, 7}, {8, 64 << 30, 96}, {1, 1 << 20, 4}, {2, 0, 24}} {
		if got := capacity(c.cores, c.memory); got != c.want {
			t.Errorf("%d cores, %d bytes: %d pods, want %d", c.cores, c.memory, got, c.want)
		}
	}
}

func TestRoomIsNeverOverfull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(10)
		var took []int
		done := make(chan int)
		for i, n := range []int{4, 6, 4, 99, 1} {
			got, err := r.take(t.Context(), n)
			if err != nil || r.used > r.all {
				t.Fatalf("%d: took %d, %v, used %d of %d", i, got, err, r.used, r.all)
			}
			took = append(took, got)
			go func() {
				time.Sleep(time.Second)
				r.give(got)
				done <- i
			}()
		}
		for range took {
			<-done
		}
		if took[3] != 10 || r.used != 0 {
			t.Errorf("took %v, left %d", took, r.used)
		}
		// The run that is interrupted waits no longer.
		if _, err := r.take(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if n, err := r.take(ctx, 1); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("took %d, %v", n, err)
		}
	})
}

// some makes a workload of a mutant.
func some(t *testing.T, change func(s *profile.MutantSpec)) *workload.Workload {
	t.Helper()
	w, err := workload.Load("../../fixtures", "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	w.Mutant = &profile.Mutant{}
	change(&w.Mutant.Spec)
	w.Scenarios = w.Mutant.Spec.Scenarios
	return w
}

func TestTheLongestBeginsFirstAndTheLonelyLast(t *testing.T) {
	s := &Session{o: Options{Checks: rules.All()}, ws: []*workload.Workload{
		some(t, func(s *profile.MutantSpec) { s.Alone, s.Watch = true, profile.Duration(time.Hour) }),
		some(t, func(s *profile.MutantSpec) { s.Scenarios = []string{"formation"} }),
		some(t, func(*profile.MutantSpec) {}),
		some(t, func(s *profile.MutantSpec) { s.Watch = profile.Duration(65 * time.Second) }),
		some(t, func(s *profile.MutantSpec) { s.Budgets.Formation = profile.Duration(20 * time.Second) }),
	}}
	want := []int{3, 2, 1, 4, 0}
	got := s.order()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("order %v, want %v", got, want)
		}
	}
}

func TestAWorkloadsRoom(t *testing.T) {
	if n := pods(some(t, func(*profile.MutantSpec) {})); n != 4 {
		t.Errorf("three replicas take the room of %d pods", n)
	}
	if n := pods(some(t, func(s *profile.MutantSpec) { s.Harness = profile.ObserverKilled })); n != 5 {
		t.Errorf("with an agent of its own %d", n)
	}
	if n := (&Session{o: Options{Pods: 7}}).pods(); n != 7 {
		t.Errorf("asked for 7, got %d", n)
	}
	if n := (&Session{o: Options{Context: "x"}}).pods(); n != elsewhere {
		t.Errorf("on another cluster %d", n)
	}
}

func TestMutantsLeaveOutScenarios(t *testing.T) {
	o := &Options{Checks: rules.All()}
	if got := wanted(o, some(t, func(s *profile.MutantSpec) { s.Scenarios = []string{"formation"} })); len(got) != 1 || !got["formation"] {
		t.Errorf("%v", got)
	}
	if got := wanted(o, some(t, func(*profile.MutantSpec) {})); len(got) != len(Scenarios)-1 || got["rollout"] {
		t.Errorf("%v", got)
	}
}

func TestBootsTakeTurns(t *testing.T) {
	b := newBoots(1)
	end := b.begin(t.Context())
	waiting, cancel := context.WithCancel(t.Context())
	second := make(chan func(), 1)
	go func() { second <- b.begin(waiting) }()
	select {
	case <-second:
		t.Fatal("two start at the same time on one core")
	case <-time.After(50 * time.Millisecond):
	}
	end()
	end() // once more does not give a second turn
	(<-second)()
	third := b.begin(t.Context())
	cancel()
	b.begin(waiting)() // whoever gives up waiting has no turn to give back
	third()
	if len(b) != 0 {
		t.Errorf("%d turns are still taken", len(b))
	}
}

func TestWhatWasNotSeenIsToldAgain(t *testing.T) {
	var said []string
	session := func(unseen ...int) (*Session, []reports.Profile) {
		s := &Session{o: Options{Log: func(l string) { said = append(said, l) }}}
		all := make([]reports.Profile, 5)
		for i := range all {
			s.ws = append(s.ws, &workload.Workload{Profile: &profile.Profile{}, Resolved: &profile.Resolved{}})
			if slices.Contains(unseen, i) {
				all[i].Trouble = "busy"
			}
		}
		s.o.again = func(p reports.Profile) string { return p.Trouble }
		return s, all
	}
	var told []int
	s, all := session(1, 3)
	s.tellAgain(t.Context(), all, func(i int) { told, all[i] = append(told, i), reports.Profile{} })
	if !slices.Equal(told, []int{1, 3}) || all[1].Again != "busy" || all[0].Again != "" || all[1].Trouble != "" {
		t.Errorf("told again: %v; all: %+v", told, all)
	}
	if len(said) != 2 || !strings.Contains(said[0], "a second time, alone; the first time busy") {
		t.Errorf("said: %q", said)
	}

	told, said = nil, nil
	s, all = session(0, 1, 2)
	s.tellAgain(t.Context(), all, func(i int) { told = append(told, i) })
	if len(told) > 0 || len(said) != 1 || !strings.Contains(said[0], "3 of 5") {
		t.Errorf("of too many, %v were told again; said: %q", told, said)
	}

	s, all = session(4)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.tellAgain(ctx, all, func(i int) { told = append(told, i) })
	if len(told) > 0 || all[4].Again != "" {
		t.Errorf("%v was told again after the run was interrupted", told)
	}
}
