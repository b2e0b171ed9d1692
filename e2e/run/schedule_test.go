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
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

func TestThePodPoolIsNeverOverfull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPodPool(10)
		var took []int
		done := make(chan int)
		for i, n := range []int{4, 6, 4, 99, 1} {
			got, err := r.take(t.Context(), n)
			if err != nil || r.used > r.size {
				t.Fatalf("%d: took %d, %v, used %d of %d", i, got, err, r.used, r.size)
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

func TestThePodPoolShrinksWhereTheMachineDoesNotKeepUp(t *testing.T) {
	var said []string
	s := &Session{options: Options{
		Options:     environment.Options{Log: func(l string) { said = append(said, l) }},
		ShouldRetry: func(p reports.Profile) string { return p.Trouble },
	}}
	w := &workload.Workload{Profile: &profile.Profile{}, Resolved: &profile.Resolved{}}
	pool := newPodPool(24)
	s.slowDown(pool, w, reports.Profile{})
	if pool.size != 24 || len(said) != 0 {
		t.Fatalf("all was seen, and the pool has %d; said: %q", pool.size, said)
	}
	var sizes []int
	for range 6 {
		s.slowDown(pool, w, reports.Profile{Trouble: "busy"})
		sizes = append(sizes, pool.size)
	}
	if want := []int{18, 13, 9, 6, 6, 6}; !slices.Equal(sizes, want) {
		t.Errorf("sizes %v, want %v", sizes, want)
	}
	if !strings.Contains(said[0], "no more than 18 pods at a time") || !strings.HasSuffix(said[0], "busy") {
		t.Errorf("said: %q", said[0])
	}
	// One that wants the whole pool gets what is left of it.
	if n, err := pool.take(t.Context(), 24); n != 6 || err != nil {
		t.Errorf("took %d, %v", n, err)
	}
	if small := newPodPool(4); small.shrink() != 4 {
		t.Errorf("a pool of 4 has %d", small.size)
	}
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

func TestTheLongestBeginsFirstAndThoseAloneLast(t *testing.T) {
	s := &Session{options: Options{Checks: rules.All()}, workloads: []*workload.Workload{
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

func TestThePodsOfAWorkload(t *testing.T) {
	if n := pods(some(t, func(*profile.MutantSpec) {}), scenario.Plan{}); n != 4 {
		t.Errorf("three replicas take %d pods", n)
	}
	if n := pods(some(t, func(s *profile.MutantSpec) { s.Harness = profile.ObserverKilled }), scenario.Plan{}); n != 5 {
		t.Errorf("with an agent of its own %d", n)
	}
	if n := (&Session{options: Options{Pods: 7}}).podLimit(); n != 7 {
		t.Errorf("asked for 7, got %d", n)
	}
	if n := (&Session{options: Options{Options: environment.Options{Context: "x"}}}).podLimit(); n != target.ExternalPodLimit {
		t.Errorf("on another cluster %d", n)
	}
}

func TestMutantsLeaveOutScenarios(t *testing.T) {
	o := &Options{Checks: rules.All()}
	if got := o.plan(some(t, func(s *profile.MutantSpec) { s.Scenarios = []string{"formation"} })).Scenarios(); len(got) != 1 || got[0].Name != "formation" {
		t.Errorf("%v", got)
	}
	for _, s := range scenario.All() {
		left := s.Name == "rollout" || s.OnRequest // the profile has no next version
		if why := o.plan(some(t, func(*profile.MutantSpec) {})).Omits(s); (why != "") != left {
			t.Errorf("%s: left out because of %q", s.Name, why)
		}
	}
}

func TestWhatWasNotSeenIsRecordedAgain(t *testing.T) {
	var said []string
	session := func(unseen ...int) (*Session, []reports.Profile) {
		s := &Session{options: Options{Options: environment.Options{Log: func(l string) { said = append(said, l) }}}}
		all := make([]reports.Profile, 5)
		for i := range all {
			s.workloads = append(s.workloads, &workload.Workload{Profile: &profile.Profile{}, Resolved: &profile.Resolved{}})
			if slices.Contains(unseen, i) {
				all[i].Trouble = "busy"
			}
		}
		s.options.ShouldRetry = func(p reports.Profile) string { return p.Trouble }
		return s, all
	}
	var retried []int
	s, all := session(1, 3)
	s.retry(t.Context(), all, func(i int) { retried, all[i] = append(retried, i), reports.Profile{} })
	if !slices.Equal(retried, []int{1, 3}) || all[1].Again != "busy" || all[0].Again != "" || all[1].Trouble != "" {
		t.Errorf("retried: %v; all: %+v", retried, all)
	}
	if len(said) != 2 || !strings.Contains(said[0], "a second time, alone; the first time busy") {
		t.Errorf("said: %q", said)
	}

	retried, said = nil, nil
	s, all = session(0, 1, 2)
	s.retry(t.Context(), all, func(i int) { retried = append(retried, i) })
	if len(retried) > 0 || len(said) != 1 || !strings.Contains(said[0], "3 of 5") {
		t.Errorf("of too many, %v were retried; said: %q", retried, said)
	}

	s, all = session(4)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.retry(ctx, all, func(i int) { retried = append(retried, i) })
	if len(retried) > 0 || all[4].Again != "" {
		t.Errorf("%v was retried after the run was interrupted", retried)
	}
}
