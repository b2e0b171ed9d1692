package rules_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// blindness is an observer that did not see events of that kind, or none at all.
type blindness struct {
	by string
	of recording.Kind
}

// judged is what the check finds where it was so from from to to. Afterwards the view is as before.
func (b blindness) judged(c check.Check, v *view.View, from, to time.Duration) []check.Finding {
	gap := func(to time.Duration) recording.Event {
		return recording.Event{T: 1, By: b.by, Gap: &recording.Gap{From: from, To: to, Of: b.of, Why: "it was cut"}}
	}
	v.Apply(gap(to))
	defer v.Apply(gap(from)) // nothing was lost
	return c.Judge(v)
}

// needs are the observers without whom nothing with these reads is known.
func needs(reads []recording.Kind) []blindness {
	var all []blindness
	for _, k := range reads {
		b := blindness{by: rt.Agent}
		if k.WrittenBy() == recording.ByKube {
			b = blindness{recording.ByKube, k}
		}
		if k.WrittenBy() != recording.ByRun && !slices.Contains(all, b) {
			all = append(all, b)
		}
	}
	return all
}

// others are observers whom the check does not need.
func others(reads []recording.Kind) []blindness {
	all := []blindness{{by: recording.ByAgent("another")}}
	for _, use := range recording.Kinds() {
		if use.By == recording.ByKube && !slices.Contains(reads, use.Kind) {
			all = append(all, blindness{recording.ByKube, use.Kind})
		}
	}
	if !slices.ContainsFunc(reads, func(k recording.Kind) bool { return k.WrittenBy() == recording.Agents }) {
		all = append(all, blindness{by: rt.Agent})
	}
	return all
}

// covered holds what a check finds against what its observers saw: in the healthy recording and in those of its trials.
func covered(t *testing.T, c check.Check, trials []trial) {
	t.Helper()
	recordings := map[string]*rt.Recording{"healthy": healthy(c.Scenario, 3)}
	for _, tr := range trials {
		s := healthy(c.Scenario, 3)
		tr.change(s)
		recordings[tr.name] = s
	}
	for name, s := range recordings {
		needsItsObservers(t, c, name, fold(t, s))
		staysOutsideOfAGap(t, c, name, fold(t, s))
	}
}

func decided(f check.Finding) bool { return f.Outcome == check.Pass || f.Outcome == check.Fail }

// readsOf is what decided the finding.
func readsOf(c check.Check, f check.Finding) []recording.Kind {
	if f.Reads != nil {
		return f.Reads
	}
	return c.Reads
}

// Whatever a check finds, it is unknown if an observer that it reads was blind all the time, and as it was if another one was.
func needsItsObservers(t *testing.T, c check.Check, name string, v *view.View) {
	t.Helper()
	base := c.Judge(v)
	for _, b := range others(c.Reads) {
		if found := b.judged(c, v, 1, time.Hour); !reflect.DeepEqual(found, base) {
			t.Errorf("%s, %s: it does not read %v, and finds something else without it", c.ID, name, b)
		}
	}
	for _, b := range needs(c.Reads) {
		for i, f := range b.judged(c, v, 1, time.Hour) {
			switch was := base[i]; {
			case !decided(was), !slices.Contains(needs(readsOf(c, was)), b):
				if f.Outcome != was.Outcome {
					t.Errorf("%s, %s: %s becomes %s without %v", c.ID, name, f.Subject, f.Outcome, b)
				}
			case f.Outcome != check.Unseen || f.Code != "" || !strings.Contains(f.Message, "it was cut"):
				t.Errorf("%s, %s: %s is %s without %v: %s", c.ID, name, f.Subject, f.Outcome, b, f.Message)
			}
		}
	}
}

// A gap that is over before the time that decided, or begins after it, changes nothing; one around it does.
func staysOutsideOfAGap(t *testing.T, c check.Check, name string, v *view.View) {
	t.Helper()
	for i, f := range c.Judge(v) {
		if i > 1 || !decided(f) {
			continue
		}
		for _, b := range needs(readsOf(c, f)) {
			from, to := f.From, max(f.From, f.At)
			if f.From == 0 {
				from = f.At
				if b.by == recording.ByKube {
					from, to = v.End(), v.End()
				}
			}
			if from < 2 || to < from {
				t.Errorf("%s, %s: %s does not say when it was decided", c.ID, name, f.Subject)
				continue
			}
			for _, outside := range [][2]time.Duration{{1, from}, {to, time.Hour}} {
				if got := b.judged(c, v, outside[0], outside[1])[i]; !reflect.DeepEqual(got, f) {
					t.Errorf("%s, %s: %s was decided from %s to %s and is %s where %v was blind at another time: %s", c.ID, name, f.Subject, from, to, got.Outcome, b, got.Message)
				}
			}
			if got := b.judged(c, v, from-1, to+1)[i]; got.Outcome != check.Unseen {
				t.Errorf("%s, %s: %s was decided from %s to %s and is %s where %v was blind then", c.ID, name, f.Subject, from, to, got.Outcome, b)
			}
		}
	}
}

// twoNodes has every other pod on another node, seen by the agent there.
func twoNodes(s *rt.Recording) (odd func(name string) bool, agent string) {
	const node = "other"
	agent = recording.ByAgent(node)
	elsewhere := map[string]bool{}
	for i := 1; i < 8; i += 2 {
		elsewhere[rt.UID(i)], elsewhere[rt.Name(i)] = true, true
	}
	looks := func(e recording.Event) string {
		if from := e.FromUID(); from != "" {
			return from
		}
		return e.PodUID()
	}
	s.Change(func(e recording.Event) bool { return byAgent(e) && elsewhere[looks(e)] }, func(e *recording.Event) { e.By = agent })
	s.Change(func(e recording.Event) bool { return e.Pod != nil && elsewhere[e.Pod.UID] }, func(e *recording.Event) { e.Pod.Node = node })
	for _, e := range slices.Clone(s.Events) {
		if byAgent(e) && (e.Start != nil || e.Clock != nil) {
			e.By = agent
			s.Add(e)
		}
	}
	return func(name string) bool { return elsewhere[name] }, agent
}

// The agent of one node takes with it what is about its pods, and no more.
func TestOneBlindAgentHidesItsOwnPodsOnly(t *testing.T) {
	for _, c := range rules.All() {
		s := healthy(c.Scenario, 3)
		odd, agent := twoNodes(s)
		v := fold(t, s)
		base := c.Judge(v)
		for i, f := range (blindness{by: agent}).judged(c, v, 1, time.Hour) {
			was := base[i]
			// What is asked of a pod by dials is seen from the pods that dial: here there are some on the other node.
			dials := slices.Contains(readsOf(c, was), recording.KindDist) || slices.Contains(readsOf(c, was), recording.KindEPMD)
			needed := slices.Contains(needs(readsOf(c, was)), blindness{by: rt.Agent}) && (odd(f.Subject.Name) && !dials || f.Subject.Kind == "pair" && odd(f.Subject.Name) || f.Subject.Kind == "workload")
			switch {
			case decided(was) && needed && f.Outcome != check.Unseen:
				t.Errorf("%s: %s is %s, though its agent saw nothing", c.ID, f.Subject, f.Outcome)
			case !needed && !reflect.DeepEqual(f, was):
				t.Errorf("%s: %s was %s and becomes %s: %s", c.ID, f.Subject, was.Outcome, f.Outcome, f.Message)
			}
		}
	}
}

// The watch is cut while a pod is deleted: how its container ended is unknown, and who lost it and why is said. All else that
// the agents saw of the recovery stands.
func TestWatchCutDuringADeletion(t *testing.T) {
	const back = rt.Deleted + 5*time.Second
	grace := recording.Event{T: rt.Before, By: recording.ByRun, Object: &recording.Object{Kind: "Deployment", Name: "derl",
		Manifest: json.RawMessage(`{"kind":"Deployment","metadata":{"name":"derl"},"spec":{"template":{"spec":{"terminationGracePeriodSeconds":15}}}}`)}}
	whole, s := rt.Recovery(3), rt.Recovery(3)
	whole.Add(grace)
	s.Add(grace)
	missed := func(e recording.Event) bool { return e.Pod != nil && e.T > rt.Deleted && e.T < back }
	s.Drop(func(e recording.Event) bool { return missed(e) && !e.Pod.Gone && !e.Pod.Ready })
	s.Change(missed, func(e *recording.Event) {
		e.T = back
		if e.Pod.Gone { // it is only missing in the new list: how it ended was not seen
			e.Pod.Phase, e.Pod.Containers[0].State, e.Pod.Containers[0].Reason = "Running", "running", ""
		}
	})
	v, healthy, cut := fold(t, s), fold(t, whole), blindness{recording.ByKube, recording.KindPod}
	for _, c := range rules.All() {
		if c.Scenario != "recovery" {
			continue
		}
		base := c.Judge(healthy)
		for i, f := range cut.judged(c, v, rt.Deleted+1, back) {
			switch {
			case f.Subject != base[i].Subject, c.ID != "recovery/exit-clean" && f.Outcome != base[i].Outcome:
				t.Errorf("%s: %s is %s, and %s is %s where the watch was not cut: %s", c.ID, f.Subject, f.Outcome, base[i].Subject, base[i].Outcome, f.Message)
			case c.ID == "recovery/exit-clean" && (f.Outcome != check.Unseen || f.Message != "the watch of the API server saw no pod from 22.0 s to 27.0 s: it was cut"):
				t.Errorf("%s: %s: %s", c.ID, f.Outcome, f.Message)
			}
		}
	}
}

// What an observer could not do stands beside what was not seen.
func TestObserverErrorsExplainWhatIsUnseen(t *testing.T) {
	s := rt.Formation(3)
	s.Drop(isNodes(1, 0))
	s.Add(recording.Event{T: time.Second, By: rt.Agent, ObserverError: &recording.ObserverError{Pod: rt.UID(1), What: "its namespace cannot be entered"}})
	for _, c := range rules.All() {
		if c.ID != "mesh/full" {
			continue
		}
		for _, f := range c.Judge(fold(t, s)) {
			explained := slices.Contains(f.Seen, rt.Agent+": its namespace cannot be entered")
			if about := f.Subject.Name == rt.Name(1) || f.Subject.Peer == rt.Name(1); f.Outcome == check.Unseen && about != explained || f.Outcome != check.Unseen && explained {
				t.Errorf("%s is %s, and says %q", f.Subject, f.Outcome, f.Seen)
			}
		}
	}
}

// The end of a VM and a view are seen by two agents: what their clocks may be off is no time that somebody took too long.
func TestTimesWithinTheClocksBoundAreTheSame(t *testing.T) {
	for bound, want := range map[time.Duration]check.Outcome{time.Millisecond: check.Fail, 600 * time.Millisecond: check.Pass} {
		s := rt.Recovery(3)
		_, agent := twoNodes(s) // pod 1 is on it, and the victim is not
		edit(s, func(p *profile.Resolved) { p.Budgets.StaleName = profile.Duration(3 * time.Second) })
		s.Change(func(e recording.Event) bool { return e.Clock != nil && e.By == agent }, func(e *recording.Event) { e.Clock.Bound = bound })
		s.Change(func(e recording.Event) bool { return isNodes(1, rt.Exited)(e) && e.T < rt.Exited+3400*time.Millisecond }, func(e *recording.Event) {
			e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(0))
		})
		for _, c := range rules.All() {
			if c.ID != "recovery/stale-name-gone" {
				continue
			}
			for _, f := range c.Judge(fold(t, s)) {
				if f.Subject.Name == rt.Name(1) && f.Reads[0] == recording.KindNodes && f.Outcome != want {
					t.Errorf("clocks within %s: a name that stays 3.4 of 3 s: %s, want %s: %s", bound, f.Outcome, want, f.Message)
				}
			}
		}
	}
}
