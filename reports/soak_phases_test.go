package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/reports/picture"
)

// recovered is a run in which the pod was deleted after a second, and the phases took that long.
func recovered(nth int, down, ready time.Duration) Profile {
	p := soaked(judge.Pass)[0]
	p.Nth = nth
	ms := time.Millisecond
	p.Pictures = []*picture.Picture{{Scenario: "recovery", End: time.Minute, Phases: []picture.Phase{
		{Name: profile.VMEnded, From: time.Second, To: 2 * time.Second},
		{Name: profile.NodeDown, On: "a", From: 2 * time.Second, To: 2*time.Second + down/2, Error: 10 * ms, Budget: 500 * ms},
		{Name: profile.NodeDown, On: "b", From: 2 * time.Second, To: 2*time.Second + down, Error: 12 * ms, Budget: 500 * ms},
		{Name: profile.PodReady, From: 2 * time.Second, To: 2*time.Second + ready, Open: ready > 30*time.Second},
		{Name: profile.FullAgain, From: time.Second, To: 9 * time.Second, Error: 10 * ms, Budget: time.Minute},
	}}}
	return p
}

// Of many runs each phase has its median, p95 and maximum, of each run on the pod on which it took longest; a budget judges each run.
func TestASoakSumsUpPhases(t *testing.T) {
	var runs []Profile
	for i := range 20 {
		runs = append(runs, recovered(i+1, time.Duration(100*(i+1))*time.Millisecond/4, 3*time.Second))
	}
	runs[4] = recovered(5, 511*time.Millisecond, time.Hour) // within its error of the budget, and Ready was not seen
	runs[5] = recovered(6, 513*time.Millisecond, 4*time.Second)
	s := NewSoak(runs, nil)
	by := map[string]SoakPhase{}
	for _, x := range s.Profiles[0].Phases {
		by[x.Phase] = x
	}
	ms := time.Millisecond
	if d := by[profile.NodeDown]; d.N != 20 || d.Median != 312500*time.Microsecond || d.P95 != 511*ms || d.Max != 513*ms || d.Error != 12*ms || d.Over != 1 || d.At != 1312500*time.Microsecond || d.Slowest {
		t.Errorf("%+v", d)
	}
	if r := by[profile.PodReady]; r.N != 19 || r.Unknown != 1 || !r.Slowest || r.Median != 3*time.Second || r.Max != 4*time.Second {
		t.Errorf("%+v", r)
	}
	if f := by[profile.FullAgain]; f.Slowest || f.Budget != time.Minute || f.Median != 8*time.Second {
		t.Errorf("a sum is no phase: %+v", f)
	}
	var console, summary bytes.Buffer
	s.text(&console)
	s.markdown(&summary)
	for _, want := range []string{"phases of shop", "recovery, pod Ready", "the slowest", "OVER BUDGET in 1 run", "not seen to end in 1 run", "± 12 ms"} {
		if !strings.Contains(console.String(), want) {
			t.Errorf("no %q in\n%s", want, console.String())
		}
	}
	if !strings.Contains(summary.String(), "| shop, recovery | pod Ready | 19 | 3.00 s | 4.00 s | 4.00 s |  | 4.00 s |  | not seen to end in 1 run; the slowest |") {
		t.Error(summary.String())
	}
}

// A single run names its slowest phase, and how exactly that is known.
func TestTheConsoleNamesTheSlowestPhase(t *testing.T) {
	if got := slowest(recovered(1, 1900*time.Millisecond, time.Second).Pictures[0]); got != "recovery: slowest: nodedown on 2 pods 1.9 s ± 12 ms; mesh full again 8.0 s ± 10 ms" {
		t.Error(got)
	}
	if got := slowest(&picture.Picture{Scenario: "formation", Phases: []picture.Phase{{Name: "pods created", To: 1}}}); got != "" {
		t.Error(got)
	}
	var b bytes.Buffer
	Console{W: &b}.Profile(recovered(0, 1900*time.Millisecond, time.Second))
	if !strings.Contains(b.String(), "  recovery: slowest: nodedown on 2 pods") {
		t.Error(b.String())
	}
}
