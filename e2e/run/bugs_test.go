package run

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// begun is a session whose results are in a folder, in which somebody has logged the cookie.
func begun(t *testing.T) *Session {
	t.Helper()
	done, _ := finished(t)
	s := &Session{Dir: done.dir, workloads: []*workload.Workload{some(t, func(*profile.MutantSpec) {})}, judgements: newJudgements()}
	s.options.Seed = 1
	if err := s.options.complete(); err != nil {
		t.Fatal(err)
	}
	if err := s.workloads[0].Guard(&s.redactor); err != nil {
		t.Fatal(err)
	}
	return s
}

// ended waits for the end of the run, and gives the report as it was written.
func ended(t *testing.T, s *Session) *reports.Run {
	t.Helper()
	r := s.Finish()
	var written reports.Run
	data, err := os.ReadFile(filepath.Join(s.Dir, "report.json"))
	if err == nil {
		err = json.Unmarshal(data, &written)
	}
	if err != nil || written.Exit != r.Exit || written.Trouble != r.Trouble {
		t.Errorf("report.json has %+v %q, %v; the run %+v %q", written.Exit, written.Trouble, err, r.Exit, r.Trouble)
	}
	if exit, err := os.ReadFile(filepath.Join(s.Dir, "exit")); err != nil || string(exit) != fmt.Sprintf("%d %s\n", r.Exit.Code, r.Exit.Word) {
		t.Errorf("the exit file has %q, %v", exit, err)
	}
	if all := tree(t, s.Dir); strings.Contains(all, theCookie) || !strings.Contains(all, "kubelet says (cookie)") {
		t.Errorf("the results hold the cookie, or the log lost more than it:\n%s", all)
	}
	return r
}

// A panic in the goroutine of a workload, here because there is no cluster, does not end the process: the others go on.
func TestAPanicInAWorkloadsGoroutine(t *testing.T) {
	s := begun(t)
	s.start(t.Context(), func(ctx context.Context, r *reports.Run) (err error) {
		r.Profiles, _, err = s.runAll(ctx, &environment.Environment{})
		return err
	})
	r := ended(t, s)
	if r.Exit.Code != exitcode.Internal || !strings.HasPrefix(r.Trouble, "a bug of ours: ") || !strings.Contains(r.Trouble, "newDeployment") || len(r.Profiles) != 1 || !strings.Contains(r.Profiles[0].Trouble, "a bug of ours: ") {
		t.Errorf("exit %+v, trouble %q, profiles %+v", r.Exit, r.Trouble, r.Profiles)
	}
}

func TestAPanicInTheRunItself(t *testing.T) {
	s := begun(t)
	s.start(t.Context(), func(context.Context, *reports.Run) error { panic("no thought of that: " + theCookie) })
	if r := ended(t, s); r.Exit.Code != exitcode.Internal || !strings.HasPrefix(r.Trouble, "a bug of ours: no thought of that: (cookie)\n") {
		t.Errorf("exit %+v, trouble %q", r.Exit, r.Trouble)
	}
}

// Where even the results cannot be written there is a report that says so.
func TestAPanicWhileTheResultsAreWritten(t *testing.T) {
	s := begun(t)
	s.start(t.Context(), func(_ context.Context, r *reports.Run) error {
		r.Profiles = []reports.Profile{{Profile: judge.Profile{Name: theCookie}}}
		return brokenError{}
	})
	r := s.Finish()
	data, err := os.ReadFile(filepath.Join(s.Dir, "report.json"))
	if err != nil || r.Exit.Code != exitcode.Internal || !strings.Contains(string(data), "do not pass it on: a bug of ours: no words") || strings.Contains(string(data), theCookie) {
		t.Errorf("exit %+v, %v\n%s", r.Exit, err, data)
	}
}

// brokenError cannot say what it is.
type brokenError struct{}

func (brokenError) Error() string { panic("no words") }

// A panic in a check is a bug in the results of that workload only, and ends the run with 70.
func TestAPanicInACheck(t *testing.T) {
	d, _ := under(t, func(recording.Event) bool { return true })
	if err := d.record(t); err != nil {
		t.Fatal(err)
	}
	d.r.environment = &environment.Environment{}
	d.r.options.Checks = []check.Check{{ID: "x/y", Rung: check.Mesh, Level: check.Required, Scenario: recording.Formation, Judge: func(*view.View) []check.Finding { panic("no idea") }}}
	p, _ := d.r.execute(t.Context()) // there is no cluster, which is an error of its own
	r := &reports.Run{Profiles: []reports.Profile{p}}
	r.Close(nil, time.Now())
	if r.Exit.Code != exitcode.Internal || len(p.Bugs) != 1 || !strings.Contains(p.Bugs[0], "no idea") {
		t.Errorf("exit %+v, bugs %q", r.Exit, p.Bugs)
	}
}

// A panic in an observer makes what is recorded from then on unknown, and ends the run with 70.
func TestAPanicInAnObserver(t *testing.T) {
	d, _ := under(t, func(recording.Event) bool { return true })
	d.r.bugs.spoil = d.r.spoil
	d.applied = func() {
		var wg sync.WaitGroup
		guard.Go(&wg, d.r.bugs.add, func() { panic("no eyes") })
		wg.Wait()
	}
	if err := d.record(t); err != nil {
		t.Fatal(err)
	}
	for _, res := range d.r.judge().Results {
		if (res.Scenario == "formation" || res.Scenario == "recovery") && res.Level == check.Required && (res.Verdict != judge.Unknown && res.Verdict != judge.Skip || res.Verdict == judge.Unknown && !strings.Contains(res.Message, "a bug of ours: no eyes")) {
			t.Errorf("%s: %s %q", res.ID, res.Verdict, res.Message)
		}
	}
	if err := d.r.bugs.all(); guard.Bug(err) == nil || exitcode.Of(err) != exitcode.Internal {
		t.Errorf("the trouble is %v", err)
	}
}
