package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func isAskedSince(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(i) && e.T >= from }
}

func asksNothing(i int, from time.Duration) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		s.Change(isAskedSince(i, from), func(e *recording.Event) { e.Asked.Questions = nil })
	}
}

// unheardQuestions are the recordings in which it is not known what pod 1 asks for.
func unheardQuestions() []trial {
	return []trial{
		{"nobody listened", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(1) })
		}, []want{{pod(1), check.Unseen, "", []string{"were not captured"}}}},
		{"the agent cannot", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Start != nil && e.Start.Node != "" }, func(e *recording.Event) { e.Start.Can = []string{"netns"} })
		}, []want{{"pod *", check.Unseen, "", []string{"af_packet"}}}},
		{"nothing was asked", func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(1) }, func(e *recording.Event) { e.Asked.Questions = nil })
		}, []want{{pod(1), check.NotApplicable, "", []string{"sent no DNS query"}}}},
		{"no resolv.conf", func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Resolver != nil && e.Resolver.Pod == rt.UID(1) })
		},
			[]want{{pod(1), check.Unseen, "", []string{"resolv.conf"}}}},
		{"no Service", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }, []want{{"service (none)", check.NotApplicable, "", nil}}},
	}
}

func isAsked(i int) func(e recording.Event) bool {
	return func(e recording.Event) bool { return e.Asked != nil && e.Asked.Pod == rt.UID(i) }
}

func asksFor(i int, q ...recording.Question) func(s *rt.Recording) {
	return func(s *rt.Recording) { s.Change(isAsked(i), func(e *recording.Event) { e.Asked.Questions = q }) }
}

func nxdomain(name string) recording.Question {
	return recording.Question{Name: name, Type: "A", Count: 1, RCodes: map[string]int{"NXDOMAIN": 1}}
}

func answered(name string) recording.Question {
	return recording.Question{Name: name, Type: "A", Count: 1, RCodes: map[string]int{"NOERROR": 1}}
}

func pod1Fails(code string, says ...string) []want { return []want{{pod(1), check.Fail, code, says}} }

// asksUsersService lets pod i ask for a second Service of the nodes, which has a cluster IP, and finds nobody.
func asksUsersService(i int) func(s *rt.Recording) {
	return func(s *rt.Recording) {
		lonely(s)
		edit(s, func(p *profile.Resolved) { p.Services = append(p.Services, "derl-users") })
		s.Add(recording.Event{T: 400 * time.Millisecond, By: "kube", Service: &recording.Service{Name: "derl-users", ClusterIP: "10.96.7.7"}})
		q := answered("derl-users." + rt.Namespace + ".svc.cluster.local")
		q.Got = []string{"10.96.7.7"}
		asksFor(i, q)(s)
	}
}
