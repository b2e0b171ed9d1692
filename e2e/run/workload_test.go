package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
)

// deployed is a workload without a cluster: when it is applied, the observers see events.
type deployed struct {
	r      *workloadRun
	events []recording.Event
	fail   error
	ran    []string

	applied func() // called when the events were seen
}

func (d *deployed) Apply(context.Context) error {
	for _, e := range d.events {
		d.r.recorder.Sink(e)
	}
	if d.applied != nil {
		d.applied()
	}
	return d.fail
}
func (d *deployed) DeletePod(context.Context, string) error         { return d.fail }
func (d *deployed) BeginRollout(context.Context) error              { return d.fail }
func (d *deployed) KillVM(context.Context, *view.Pod, int) error    { return d.fail }
func (d *deployed) Inject(context.Context, ...scenario.Fault) error { return d.fail }
func (d *deployed) Heal(context.Context) error                      { return d.fail }
func (d *deployed) Exec(_ context.Context, p *view.Pod, c profile.Command) recording.Exec {
	d.ran = append(d.ran, c.Name)
	return recording.Exec{Pod: p.UID, Name: c.Name, Outcome: recording.OK}
}

// under is the run of dns-a, of which the observers see those events. published are the scenarios with what was judged so far.
func under(t *testing.T, seen func(recording.Event) bool) (d *deployed, published *[]string) {
	t.Helper()
	w := some(t, func(*profile.MutantSpec) {})
	w.Resolved.Budgets.Formation, w.Resolved.Budgets.Recovery = profile.Duration(50*time.Millisecond), profile.Duration(50*time.Millisecond)
	dir, all := t.TempDir(), []string{}
	if err := os.Mkdir(filepath.Join(dir, "recordings"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := &Options{Checks: rules.All()}
	o.Complete()
	r := &workloadRun{options: o, workload: w, dir: dir, redactor: &secrets.Redactor{}, recorder: scenario.NewRecorder(time.Now())}
	r.publish = func(name scenario.Name, p judge.Profile) {
		open := 0
		for _, res := range p.Results {
			if strings.HasPrefix(res.Message, "not recorded: the run ended before it") {
				open++
			}
		}
		all = append(all, fmt.Sprintf("%s %v", name, open > 0))
	}
	recorded := rt.Formation(3)
	d = &deployed{r: r}
	for _, e := range recorded.Events {
		if e.Act == nil && seen(e) {
			d.events = append(d.events, e)
		}
	}
	return d, &all
}

func (d *deployed) record(t *testing.T) error {
	t.Helper()
	return d.r.recordAll(t.Context(), d, func(_ context.Context, form func() error) error { return form() })
}

// recordings are the files that were written, and those that the results name, which must be the same.
func (d *deployed) recordings(t *testing.T) (names []string) {
	t.Helper()
	for _, s := range d.r.done {
		if s.View != nil {
			names = append(names, d.r.file(s.Name))
		}
	}
	files, err := filepath.Glob(filepath.Join(d.r.dir, "recordings", "*"))
	if err != nil || len(files) != len(names) {
		t.Errorf("written are %v, %v; named are %v", files, err, names)
	}
	for _, n := range names {
		if _, err := view.Load(filepath.Join(d.r.dir, n)); err != nil {
			t.Error(err)
		}
	}
	return names
}

func TestScenariosAreRecordedAndJudgedOneAfterTheOther(t *testing.T) {
	d, published := under(t, func(recording.Event) bool { return true })
	if err := d.record(t); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, name := range scenario.Names() {
		want = append(want, fmt.Sprintf("%s %v", name, i < len(scenario.Names())-1))
	}
	if !slices.Equal(*published, want) {
		t.Errorf("published, and whether more was to come: %q, want %q", *published, want)
	}
	if want := []string{"recordings/dns-a.formation.jsonl", "recordings/dns-a.recovery.jsonl", "recordings/dns-a.console.jsonl"}; !slices.Equal(d.recordings(t), want) {
		t.Errorf("recorded are %q", d.recordings(t))
	}
	if len(d.ran) != len(d.r.workload.Resolved.Console) || len(d.ran) == 0 {
		t.Errorf("console commands that ran: %q", d.ran)
	}
}

// Nothing can be learnt from disturbing a mesh that never formed.
func TestAMeshThatDidNotFormIsNotDisturbed(t *testing.T) {
	d, published := under(t, func(e recording.Event) bool { return e.Nodes == nil })
	if err := d.record(t); err != nil {
		t.Fatal(err)
	}
	if len(*published) != len(scenario.All()) || len(d.recordings(t)) != 1 {
		t.Errorf("published are %q, recorded %q", *published, d.recordings(t))
	}
	for _, res := range d.r.judge().Results {
		if res.Scenario == "recovery" && !strings.Contains(res.Message, "not recorded: the mesh did not form: ") {
			t.Errorf("%s: %s %q", res.ID, res.Verdict, res.Message)
		}
	}
}

func TestAnErrorNamesItsScenario(t *testing.T) {
	d, published := under(t, func(recording.Event) bool { return true })
	d.fail = errors.New("no quota")
	err := d.record(t)
	if err == nil || err.Error() != "formation: no quota" || len(*published) != 1 || len(d.recordings(t)) != 1 {
		t.Errorf("error %v, published %q", err, *published)
	}
}

// Where there is no image to deploy, the manifests are judged all the same.
func TestManifestsAreJudgedWithoutAnImage(t *testing.T) {
	d, published := under(t, func(recording.Event) bool { return false })
	if err := d.r.recordManifests(); err != nil {
		t.Fatal(err)
	}
	if len(*published) != len(scenario.All()) || len(d.recordings(t)) != 1 {
		t.Errorf("published are %q, recorded %q", *published, d.recordings(t))
	}
	for _, res := range d.r.judge().Results {
		switch {
		case res.ID == "service/headless" && res.Verdict != judge.Pass:
			t.Errorf("%s: %s %q", res.ID, res.Verdict, res.Message)
		case res.Scenario == "recovery" && !strings.Contains(res.Message, "not recorded: nothing was deployed"):
			t.Errorf("%s: %s %q", res.ID, res.Verdict, res.Message)
		}
	}
}
