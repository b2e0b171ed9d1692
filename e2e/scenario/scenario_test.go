package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// stage is a workload without a cluster: it takes note of what is done to it, and the events that follow are given.
type stage struct {
	env    *Env
	did    []string
	follow []recording.Event // what the observers see after the disturbance
	fail   error

	faults    []Fault // that were put in place
	toothless bool    // they do not bite
}

func (s *stage) disturb(what string) error {
	s.did = append(s.did, what)
	for _, e := range s.follow {
		s.env.Sink(e)
	}
	return s.fail
}

func (s *stage) Apply(context.Context) error                    { return s.disturb("apply") }
func (s *stage) DeletePod(_ context.Context, name string) error { return s.disturb("delete " + name) }
func (s *stage) KillVM(_ context.Context, p *view.Pod, pid int) error {
	return s.disturb(fmt.Sprintf("kill %d of %s", pid, p.Name))
}
func (s *stage) Inject(_ context.Context, faults ...Fault) error {
	for _, f := range faults {
		s.did = append(s.did, f.String())
		s.faults = append(s.faults, f)
		if s.toothless {
			s.env.Did(recording.Act{Do: recording.Void, Pod: f.Pod.UID, Detail: "it does not bite"})
			continue
		}
		s.env.Did(f.act(recording.Inject))
		if f.For > 0 {
			s.env.Did(f.act(recording.Heal))
		}
	}
	for _, e := range s.follow {
		s.env.Sink(e)
	}
	return s.fail
}
func (s *stage) Heal(context.Context) error {
	s.did = append(s.did, "heal")
	for _, f := range s.faults {
		if f.For == 0 && !s.toothless {
			s.env.Did(f.act(recording.Heal))
		}
	}
	return s.fail
}

func (f Fault) act(do string) recording.Act {
	a := recording.Act{Do: do, Pod: f.Pod.UID, Fault: f.Do}
	if f.Peer != nil {
		a.Peer = f.Peer.IP()
	}
	return a
}

func (s *stage) BeginRollout(context.Context) error { return s.disturb("rollout") }
func (s *stage) Exec(_ context.Context, p *view.Pod, c profile.Command) recording.Exec {
	s.did = append(s.did, c.Name+" in "+p.UID)
	return recording.Exec{Pod: p.UID, Name: c.Name}
}

// staged is the stage of a recorded recording at the time now, of which the events that before chooses have happened already.
func staged(t *testing.T, recorded *rt.Recording, now time.Duration, before func(recording.Event) bool) (*stage, *[]string) {
	t.Helper()
	var said []string
	v, err := view.New(recorded.Header())
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{env: &Env{Recorder: NewRecorder(time.Now().Add(-now)), Profile: &v.Profile, Log: func(l string) { said = append(said, l) }}}
	s.env.Workload = s
	if err := s.env.Begin(filepath.Join(t.TempDir(), "r.jsonl"), recorded.Header()); err != nil {
		t.Fatal(err)
	}
	for _, e := range recorded.Events {
		switch {
		case e.Act != nil || e.Exec != nil: // it is the scenario that does it
		case before(e):
			s.env.Sink(e)
		default:
			s.follow = append(s.follow, e)
		}
	}
	return s, &said
}

func named(t *testing.T, name Name) Scenario {
	t.Helper()
	i := slices.IndexFunc(All(), func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no scenario %s", name)
	}
	return All()[i]
}

func (s *stage) act(do string) (e recording.Event, ok bool) {
	s.env.Ask(func(v *view.View) { e, ok = v.Act(do) })
	return e, ok
}

// Every scenario says all that a run asks of it.
func TestScenariosAreComplete(t *testing.T) {
	seen := map[Name]bool{}
	p := &profile.Resolved{Workloads: []profile.Workload{{Replicas: 3}}, Console: []profile.Command{{}}, Budgets: profile.Budgets{Formation: 1, Recovery: 1}}
	for i, s := range All() {
		if s.Name == "" || seen[s.Name] || s.Run == nil || s.Estimate <= 0 || s.Limit(p) <= 0 {
			t.Errorf("scenario %d, %q, is not complete, or there twice", i, s.Name)
		}
		seen[s.Name] = true
	}
	if first := All()[0]; first.Name != recording.Formation || first.OnRequest || first.Applies != nil {
		t.Errorf("the first scenario is %s", first.Name)
	}
	if err := Check(Names()); err != nil {
		t.Error(err)
	}
	if err := Check([]Name{"formatoin"}); err == nil || !strings.Contains(err.Error(), "recovery") {
		t.Errorf("a name that is not there: %v", err)
	}
}

func TestAPlanTakesWhatIsJudgedAskedForAndApplies(t *testing.T) {
	all := Names()
	plain, rolled := &profile.Resolved{}, &profile.Resolved{Rollout: []string{"Deployment/x"}, Console: []profile.Command{{}}}
	for _, c := range []struct {
		plan Plan
		want string
	}{
		{Plan{Profile: plain}, ""},
		{Plan{Profile: plain, Judged: all}, "formation recovery"},
		{Plan{Profile: rolled, Judged: all}, "formation recovery rollout console"},
		{Plan{Profile: rolled, Judged: []Name{"console"}}, "formation console"},
		{Plan{Profile: rolled, Judged: all, Named: []Name{"rollout"}}, "formation rollout"},
		{Plan{Profile: plain, Judged: all, Named: []Name{"rollout"}}, "formation"},
		{Plan{Profile: plain, Judged: []Name{"recovery"}, Named: []Name{"formation"}}, "formation"},
	} {
		var got []string
		for _, s := range c.plan.Scenarios() {
			got = append(got, string(s.Name))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: %v, want %s", c.plan, got, c.want)
		}
	}
	asked := Scenario{Name: "x", OnRequest: true}
	if why := (Plan{Profile: plain, Judged: []Name{"x"}}).Omits(asked); !strings.Contains(why, "requested by name") {
		t.Errorf("what runs on request runs unasked: %q", why)
	}
	if why := (Plan{Profile: plain, Judged: []Name{"x"}, Named: []Name{"x"}}).Omits(asked); why != "" {
		t.Errorf("what is asked for is left out: %s", why)
	}
	if why := (Plan{Profile: plain, Judged: all}).Omits(rollout()); !strings.Contains(why, "spec.rollout") {
		t.Errorf("why there is no rollout: %q", why)
	}
}

func TestFormationAppliesAndWaits(t *testing.T) {
	s, _ := staged(t, rt.Formation(3), 0, func(recording.Event) bool { return false })
	if err := named(t, "formation").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	if _, did := s.act("apply"); !did || !slices.Equal(s.did, []string{"apply"}) {
		t.Errorf("done was %v", s.did)
	}
	s, _ = staged(t, rt.Formation(3), 0, func(recording.Event) bool { return false })
	s.fail = errors.New("no quota")
	if err := named(t, "formation").Run(t.Context(), s.env); !errors.Is(err, s.fail) {
		t.Errorf("objects that cannot be created: %v", err)
	}
}

// The seed decides which member is deleted, and no other.
func TestRecoveryDeletesOneMember(t *testing.T) {
	for seed, want := range map[int64]int{0: 0, 1: 1, 5: 2, -1: 0, math.MinInt64: 2} {
		s, said := staged(t, rt.Formation(3), rt.Deleted, func(recording.Event) bool { return true })
		s.env.Seed = seed
		s.env.Profile.Budgets.Recovery = profile.Duration(100 * time.Millisecond)
		if err := named(t, "recovery").Run(t.Context(), s.env); err != nil {
			t.Fatal(err)
		}
		e, did := s.act("delete-pod")
		if !did || e.Act.Pod != rt.UID(want) || !slices.Equal(s.did, []string{"delete " + e.Act.Detail}) {
			t.Errorf("seed %d: done was %v, act %+v; want pod %s", seed, s.did, e.Act, rt.UID(want))
		}
		if len(*said) != 2 || !strings.Contains((*said)[1], "the budget of 100ms has expired") {
			t.Errorf("said: %q", *said)
		}
	}
	s, _ := staged(t, rt.Formation(3), rt.Deleted, func(recording.Event) bool { return true })
	s.fail = errors.New("forbidden")
	if err := named(t, "recovery").Run(t.Context(), s.env); !errors.Is(err, s.fail) {
		t.Errorf("a pod that cannot be deleted: %v", err)
	}
}

// The VM that is killed is the one that was seen last, and the scenario ends when its successor is in the mesh.
func TestContainerKillKillsTheVMAndWaitsForTheNext(t *testing.T) {
	s, said := staged(t, rt.ContainerKill(3), rt.Deleted, func(e recording.Event) bool { return e.T < rt.Deleted })
	if err := named(t, "container-kill").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	e, did := s.act(recording.KillContainer)
	if !did || e.Act.Pod != rt.UID(0) || !slices.Equal(s.did, []string{"kill 1000 of " + rt.Name(0)}) || len(*said) != 1 {
		t.Errorf("done was %v, act %+v, said %q", s.did, e.Act, *said)
	}
	s, said = staged(t, rt.Formation(3), rt.Deleted, func(recording.Event) bool { return true })
	s.env.Profile.Budgets.Recovery = profile.Duration(100 * time.Millisecond)
	if err := named(t, "container-kill").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	if len(*said) != 2 || !strings.Contains((*said)[1], "was not seen under a new creation yet") {
		t.Errorf("a VM that does not come back: said %q", *said)
	}
	s, _ = staged(t, rt.Formation(3), rt.Deleted, func(e recording.Event) bool { return e.VM == nil })
	if err := named(t, "container-kill").Run(t.Context(), s.env); err == nil || !strings.Contains(err.Error(), "no agent saw the VM") || len(s.did) > 0 {
		t.Errorf("a VM that nobody saw: %v, done was %v", err, s.did)
	}
}

// A scenario whose budget expires while its pods are not watched waits a moment for them to be watched again: what is not
// watched at the end is not known.
func TestScenarioDoesNotEndWhileItsPodsAreNotWatched(t *testing.T) {
	s, _ := staged(t, rt.Formation(3), rt.Deleted, func(recording.Event) bool { return true })
	s.env.Profile.Budgets.Recovery = profile.Duration(100 * time.Millisecond)
	lost := s.env.Now()
	s.follow = []recording.Event{{T: lost, By: recording.ByKube, Gap: &recording.Gap{From: lost - 1, Of: recording.KindPod, Why: "the watch was cut"}}}
	back := make(chan struct{})
	time.AfterFunc(400*time.Millisecond, func() {
		close(back)
		now := s.env.Now()
		s.env.Sink(recording.Event{T: now, By: recording.ByKube, Gap: &recording.Gap{From: lost - 1, To: now, Of: recording.KindPod, Why: "the watch was cut"}})
	})
	if err := named(t, "recovery").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	select {
	case <-back:
	default:
		t.Error("the scenario ended while its pods were not watched")
	}
}

// A mesh that is not full is not disturbed: nothing could be learnt from it.
func TestWhatIsNotHealthyIsLeftAlone(t *testing.T) {
	for _, name := range []Name{"recovery", "container-kill", "rollout"} {
		s, said := staged(t, rt.Formation(3), rt.Deleted, func(e recording.Event) bool { return e.Nodes == nil })
		s.env.Profile.Budgets.Recovery = profile.Duration(10 * time.Millisecond)
		if err := named(t, name).Run(t.Context(), s.env); err != nil {
			t.Fatal(err)
		}
		if len(s.did) > 0 || len(*said) != 1 || !strings.Contains((*said)[0], "no healthy mesh, so nothing was injected") {
			t.Errorf("%s: done was %v, said %q", name, s.did, *said)
		}
	}
}

func TestRolloutWaitsForTheNextVersion(t *testing.T) {
	s, _ := staged(t, rt.Rollout(3), rt.Began, func(e recording.Event) bool { return e.T < rt.Began })
	if err := named(t, "rollout").Run(t.Context(), s.env); err != nil {
		t.Fatal(err)
	}
	if _, did := s.act("rollout"); !did || !slices.Equal(s.did, []string{"rollout"}) {
		t.Errorf("done was %v", s.did)
	}
}

// After a pod was replaced the commands are run in the replacement: only it may know that it was not taken in.
func TestConsoleAsksTheYoungest(t *testing.T) {
	for young, want := range map[int]string{0: rt.UID(0), 1: rt.UID(1), 2: rt.UID(2), -1: rt.UID(0)} {
		recorded := rt.Console(3)
		recorded.Change(func(e recording.Event) bool { return e.Pod != nil }, func(e *recording.Event) {
			e.Pod.Created = time.Unix(1000, 0)
			if young >= 0 && e.Pod.UID == rt.UID(young) {
				e.Pod.Created = time.Unix(1030, 0)
			}
		})
		s, _ := staged(t, recorded, rt.Deleted, func(recording.Event) bool { return true })
		s.env.Profile.Console = []profile.Command{{Name: "ping"}, {Name: "eval"}}
		err := named(t, "console").Run(t.Context(), s.env)
		if err != nil || !slices.Equal(s.did, []string{"ping in " + want, "eval in " + want}) {
			t.Errorf("youngest %d: asked %v, %v; want %s twice", young, s.did, err, want)
		}
	}
}
