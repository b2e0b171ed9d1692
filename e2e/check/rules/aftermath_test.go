package rules_test

import (
	"encoding/json"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// sameName gives the replacement the victim's name, as a StatefulSet does, and a creation.
func sameName(creation uint32) func(s *rt.Story) {
	return func(s *rt.Story) {
		calls(3, rt.Node(0))(s)
		s.Change(func(e recording.Event) bool { return isNodes(3, 0)(e) || toDist(3, 0)(e) }, func(e *recording.Event) {
			if e.Nodes != nil {
				e.Nodes.Creation = creation
			} else {
				e.Dist.Creation = creation
			}
		})
	}
}

func aftermathTrials() map[string][]trial {
	noDeed := trial{"no pod was deleted", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Act != nil }) }, []want{{whole, check.Unseen, "", []string{"no pod was deleted"}}}}
	isEnd := func(e recording.Event) bool { return isPod(0)(e) && e.Pod.Gone }
	ended := func(code int32, reason string) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(isEnd, func(e *recording.Event) {
				c := &e.Pod.Containers[0]
				c.ExitCode, c.Reason = code, reason
			})
		}
	}
	grace := func(seconds int) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Add(recording.Event{T: rt.Before, By: "run", Object: &recording.Object{Kind: "Deployment", Name: "derl", Manifest: json.RawMessage(
				fmt.Sprintf(`{"kind":"Deployment","metadata":{"name":"derl"},"spec":{"template":{"spec":{"terminationGracePeriodSeconds":%d}}}}`, seconds))}})
		}
	}
	all := func(changes ...func(s *rt.Story)) func(s *rt.Story) {
		return func(s *rt.Story) {
			for _, c := range changes {
				c(s)
			}
		}
	}
	noCode := func(s *rt.Story) { s.Change(isEnd, func(e *recording.Event) { e.Pod.Containers = nil }) }
	const was = 1700000000
	return map[string][]trial{
		"recovery/exit-clean": {
			noDeed,
			{"killed when its grace was over", all(grace(1), ended(137, "Error")), []want{{pod(0), check.Fail, "killed-after-grace",
				[]string{"container derl of " + rt.Name(0), "exit code 137", "1.0 s after the deletion, with a grace period of 1 s", "process 1"}}}},
			{"killed for another reason", ended(137, "OOMKilled"), []want{{pod(0), check.Fail, "killed", []string{"OOMKilled", "the default of Kubernetes", "memory limit"}}}},
			{"ended by the signal itself", all(grace(1), ended(143, "Error")), nil},
			{"its exit was not seen", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Process != nil && e.Process.Exited || isEnd(e) })
			}, []want{{pod(0), check.Unseen, "", []string{"the exit of "}}}},
			{"the exit code was not seen", noCode, []want{{pod(0), check.Unseen, "", []string{"its exit code is not known"}}}},
			{"the exit code was not seen, and it ended in time", all(grace(15), noCode), nil},
			{"the exit code was not seen, and it took all its grace", all(grace(2), noCode), []want{{pod(0), check.Unseen, "", []string{"grace period of 2 s"}}}},
		},
		"recovery/new-creation": {
			noDeed,
			{"a name of its own", func(*rt.Story) {}, []want{{pod(3), check.NotApplicable, "", []string{rt.Node(3)}}}},
			{"another creation", sameName(was + 7), []want{{pod(3), check.Pass, "", nil}}},
			{"the same creation", sameName(was), []want{{pod(3), check.Fail, "same-creation", []string{rt.Node(0), "creation 1700000000", rt.Name(3), rt.Name(0)}}}},
			{"the creation was not seen", sameName(0), []want{{pod(3), check.Unseen, "", []string{"not known both before and after"}}}},
			{"the replacement was not heard", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isNodes(3, 0)(e) || toDist(3, 0)(e) })
			}, []want{{pod(3), check.Unseen, "", []string{"not both known"}}}},
			{"no replacement", func(s *rt.Story) { s.Drop(isPod(3)) }, []want{{pod(0), check.Unseen, "", []string{"no pod replaced "}}}},
		},
		"recovery/full-again": {
			noDeed,
			{"two survivors have lost each other", func(s *rt.Story) { blind(s, 1, 2, 24*time.Second); blind(s, 2, 1, 24*time.Second) }, []want{
				{pair(1, 2), check.Fail, "not-in-view", []string{"7 s after the deletion of " + rt.Name(0), rt.Node(1) + " does not see " + rt.Node(2), "[" + rt.Node(3) + "]"}}, {pair(2, 1), check.Fail, "not-in-view", nil}}},
			{"lost and found again", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool { return isNodes(1, 24*time.Second)(e) && e.T < 26*time.Second }, func(e *recording.Event) { e.Nodes.Visible = nil })
			}, nil},
			{"one view was not seen", func(s *rt.Story) { s.Drop(isNodes(1, 26*time.Second)) }, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
			{"nobody else was there", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return e.Pod != nil && !isPod(1)(e) && !isPod(0)(e) })
			}, []want{{whole, check.Unseen, "", []string{"fewer than"}}}},
		},
	}
}
