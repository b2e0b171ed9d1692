package rules_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// came is when the agent comes to the pods of lateAgent: five seconds after their containers run.
const came = 6500 * time.Millisecond

// lateAgent makes a formation that of a cluster to which the agent came late. What it can still find then, it finds at its first look.
func lateAgent(s *rt.Recording) {
	found := map[string]bool{}
	s.Drop(func(e recording.Event) bool {
		begun := e.T
		if e.Asked != nil {
			begun -= e.Asked.Over
		}
		if !byAgent(e) || begun >= came {
			return false
		}
		lasting := e.Start != nil || e.Clock != nil || e.Process != nil || e.VM != nil || e.Resolver != nil || e.Kernel != nil || e.Registration != nil || e.Cookie != nil
		first := !found[string(e.Kind())+e.PodUID()]
		if lasting && e.Cookie == nil {
			found[string(e.Kind())+e.PodUID()] = true
		}
		return !lasting || !first
	})
	s.Change(func(e recording.Event) bool { return byAgent(e) && e.T < came }, func(e *recording.Event) { e.T = came })
}

func outcomesOf(found []check.Finding) (all []check.Outcome) {
	for _, f := range found {
		if !slices.Contains(all, f.Outcome) {
			all = append(all, f.Outcome)
		}
	}
	return all
}

func checkOf(t *testing.T, id string) check.Check {
	t.Helper()
	all := rules.All()
	i := slices.IndexFunc(all, func(c check.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	return all[i]
}

// A healthy mesh stays healthy when its agent comes late: nothing fails, and nothing is said of the time before.
func TestAnAgentThatComesLateFailsNothing(t *testing.T) {
	s := rt.FormationUntil(3, rt.Formed+came)
	lateAgent(s)
	v := fold(t, s)
	if b := v.Blind(rt.Agent, 0, v.End()); len(b) != 1 || b[0].From != 1500*time.Millisecond || b[0].To != came {
		t.Errorf("the agent was blind at %v", b)
	}
	for _, c := range rules.All() {
		if c.Scenario != recording.Formation {
			continue
		}
		for _, f := range c.Judge(v) {
			if f.Outcome == check.Fail {
				t.Errorf("%s: %s fails: %s", c.ID, f.Subject, f.Message)
			}
			if f.Took != 0 && slices.Contains(c.Reads, recording.KindNodes) && c.ID != "mesh/stable" {
				t.Errorf("%s: %s is said to have taken %s, and nobody saw its beginning", c.ID, f.Subject, f.Took)
			}
		}
	}
}

// Nobody says that a pod never asked, where it may have asked before somebody listened, or while nobody did.
func TestNobodyListenedWhileItMayHaveAsked(t *testing.T) {
	quiet := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) { e.Asked.Questions = nil })
	}
	asks := func(q ...recording.Question) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil }, func(e *recording.Event) { e.Asked.Questions = q })
		}
	}
	never := func(s *rt.Recording) {
		quiet(s)
		edit(s, func(p *profile.Resolved) { p.Expect.Discovery = profile.DiscoversNever })
	}
	notByDNS := func(s *rt.Recording) {
		quiet(s)
		s.Drop(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Deployment" })
	}
	elsewhere := nxdomain("drel." + rt.Namespace + ".svc.cluster.local")
	// How the capture of the queries has a hole: at the beginning, in the middle (the agent was started again), or by losses.
	holes := map[string]func(s *rt.Recording){
		"the agent came late": lateAgent,
		"the capture began late": func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Asked != nil && e.T-e.Asked.Over < came })
		},
		"the agent was started again": func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return byAgent(e) && e.T > 8*time.Second && e.T < 11*time.Second })
			s.Add(recording.Event{T: 11 * time.Second, By: rt.Agent, Start: &recording.Start{Node: rt.Worker, Can: []string{"hostpid", "netns", "inet_diag", "af_packet"}}})
		},
		"the pods ran before anybody watched": func(s *rt.Recording) {
			lateAgent(s)
			s.Drop(func(e recording.Event) bool { return e.Pod != nil && !e.Pod.Ready })
		},
		"the kernel dropped packets": func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil && e.T > 8*time.Second && e.T < 11*time.Second }, func(e *recording.Event) { e.Asked.Lost = 5 })
		},
	}
	for id, c := range map[string]struct {
		change func(s *rt.Recording)
		seen   check.Outcome // where all queries were captured
	}{
		"dns/name-asked-in-full": {quiet, check.NotApplicable},
		"dns/cluster-domain":     {quiet, check.NotApplicable},
		"dns/peers-exist":        {quiet, check.NotApplicable},
		"discovery/alive":        {never, check.NotApplicable},

		"discovery/alive, by another way":       {notByDNS, check.NotApplicable},
		"dns/name-asked-in-full, another name":  {asks(answered("kubernetes.default.svc.cluster.local")), check.Pass},
		"dns/cluster-domain, another name":      {asks(answered("kubernetes.default.svc.cluster.local")), check.Pass},
		"dns/peers-exist, another Service only": {all(lonely, asks(elsewhere)), check.Fail},
	} {
		id, _, _ = strings.Cut(id, ",")
		judge := checkOf(t, id).Judge
		whole := rt.FormationUntil(3, rt.Formed+came)
		c.change(whole)
		if got := outcomesOf(judge(fold(t, whole))); !slices.Contains(got, c.seen) || slices.Contains(got, check.Unseen) {
			t.Errorf("%s: where everything was captured it is %v, want %s", id, got, c.seen)
		}
		for name, hole := range holes {
			s := rt.FormationUntil(3, rt.Formed+came)
			c.change(s)
			hole(s)
			found := judge(fold(t, s))
			if got := outcomesOf(found); slices.Contains(got, c.seen) || !slices.Contains(got, check.Unseen) || !strings.Contains(found[0].Message, "were not captured from") {
				t.Errorf("%s, %s: it is %v: %s", id, name, got, found[0].Message)
			}
		}
	}
}

// A pod of which nobody knows whether it looked up its peers before one was deleted is not said not to have done it.
func TestNobodyListenedBeforeTheDeletion(t *testing.T) {
	s := rt.Recovery(3)
	asksNothing(1, 0)(s)
	s.Drop(func(e recording.Event) bool { return isAskedSince(1, 0)(e) && e.T-e.Asked.Over < rt.Deleted })
	for _, f := range checkOf(t, "recovery/discovery-goes-on").Judge(fold(t, s)) {
		if f.Subject.Name == rt.Name(1) && (f.Outcome != check.Unseen || !strings.Contains(f.Message, "not known whether it looked up its peers")) {
			t.Errorf("it is %s: %s", f.Outcome, f.Message)
		}
	}
}

// A discovery that stopped while it was listened to has stopped, although the agent came late. The mesh never forms.
func TestASilenceThatWasHeardCounts(t *testing.T) {
	s := rt.FormationUntil(3, 90*time.Second)
	all(lonely, asksNothing(1, 0))(s)
	lateAgent(s)
	for _, f := range checkOf(t, "discovery/alive").Judge(fold(t, s)) {
		if f.Subject.Name == rt.Name(1) && (f.Outcome != check.Fail || f.Code != "not-asking") {
			t.Errorf("it is %s: %s", f.Outcome, f.Message)
		}
	}
}
