package rules_test

import (
	"slices"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/scenario"
)

// asksMnesia gives the profile a question.
func asksMnesia(s *rt.Recording, budget time.Duration) {
	edit(s, func(p *profile.Resolved) {
		p.Expect.Agree = []profile.Agreement{{Name: "database", Read: profile.RunningDBNodes}}
		p.Budgets.Agreement = profile.Duration(budget)
	})
}

func answer(t time.Duration, pod int, text string) recording.Event {
	return recording.Event{T: t, By: rt.Agent, Answer: &recording.Answer{Pod: rt.UID(pod), Name: "database", Outcome: recording.OK, Answer: text}}
}

// answers are those of three pods every second from the time on at which the mesh is full.
func answers(s *rt.Recording, texts ...string) {
	for t := rt.Full + time.Second; t < rt.Formed; t += time.Second {
		for i, text := range texts {
			s.Add(answer(t, i, text))
		}
	}
}

// Whatever a scenario does to the mesh, the application has to be one cluster afterwards.
func TestAgreementIsJudgedOnEachScenarioThatChangesTheMesh(t *testing.T) {
	all := rules.All()
	i := slices.IndexFunc(all, func(c check.Check) bool { return c.ID == "application/agrees" })
	for _, s := range scenario.All() {
		if judged := slices.Contains(all[i].Scenarios(), s.Name); judged == s.Changeless {
			t.Errorf("%s: judged: %v; the scenario leaves the mesh as it is: %v", s.Name, judged, s.Changeless)
		}
	}
}

func TestApplicationAgrees(t *testing.T) {
	const whole = "a@h\nb@h\nc@h"
	try(t, "application/agrees", []trial{
		{"one answer", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, whole, whole, whole)
		}, []want{{"question database", check.Pass, "", nil}}},
		{"one node alone", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, "a@h", "b@h\nc@h", "b@h\nc@h")
		}, []want{{"question database", check.Fail, "split", []string{"all nodes are connected to each other", "2 different answers", "[" + rt.Name(0) + "]", rt.Name(0) + " says: a@h", rt.Name(1) + " says: b@h, c@h", "restart the application on " + rt.Name(0) + ",", "cluster_partition_handling"}}}},
		{"two differ, and one says nothing", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, "a@h", "b@h")
		}, []want{{"question database", check.Fail, "split", []string{rt.Name(2) + " says: it was not asked"}}}},
		{"they agree in the end", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, "a@h", whole, whole)
			s.Add(answer(rt.Formed-500*time.Millisecond, 0, whole))
		}, nil},
		{"they differ, but not for long", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, whole, whole, whole)
			s.Add(answer(rt.Formed-500*time.Millisecond, 0, "a@h"))
		}, []want{{"question database", check.Unseen, "", []string{"different answers for", "5s to agree"}}}},
		{"one does not answer", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, whole, whole)
		}, []want{{"question database", check.Unseen, "", []string{"not all nodes have answered", rt.Name(2)}}}},
		{"one has no Mnesia", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, whole, whole)
			s.Add(recording.Event{T: rt.Formed - time.Second, By: rt.Agent, Answer: &recording.Answer{Pod: rt.UID(2), Name: "database", Outcome: "badrpc", Detail: "undef"}})
		}, []want{{"question database", check.Unseen, "", []string{"badrpc (undef)"}}}},
		{"no Mnesia runs", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, "", "", "")
		}, []want{{"question database", check.Unseen, "", []string{"its answer is empty"}}}},
		{"one Mnesia does not run", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, "", "b@h\nc@h", "b@h\nc@h")
		}, []want{{"question database", check.Fail, "split", []string{rt.Name(0) + " says: nothing"}}}},
		{"the mesh is not full", func(s *rt.Recording) {
			asksMnesia(s, 5*time.Second)
			answers(s, "a@h", "b@h", "c@h")
			s.Change(func(e recording.Event) bool {
				return e.Nodes != nil && e.Nodes.Pod == rt.UID(1) && e.T > rt.Formed-2*time.Second
			}, func(e *recording.Event) { e.Nodes.Visible = nil })
		}, []want{{"question database", check.Unseen, "", []string{"the mesh is not full"}}}},
		{"a command", func(s *rt.Recording) {
			edit(s, func(p *profile.Resolved) {
				p.Expect.Agree = []profile.Agreement{{Name: "database", Run: []string{"shop", "members()"}}}
				p.Budgets.Agreement = profile.Duration(5 * time.Second)
			})
			answers(s, "a", "b", "b")
		}, []want{{"question database", check.Fail, "split", []string{"-- shop 'members()'", "have not come together again", "restart the application on " + rt.Name(0)}}}},
	})
}
