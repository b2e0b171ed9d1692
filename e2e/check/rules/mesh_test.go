package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func meshTrials() map[string][]trial {
	sees := func(i int, name string, from, to time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
				e.Nodes.Visible = append(e.Nodes.Visible, name)
			})
		}
	}
	forget := func(i, j int, from, to time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
				e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(j))
			})
		}
	}
	unanswered := func(i int, o recording.Outcome, from, to time.Duration) func(s *rt.Story) {
		return func(s *rt.Story) {
			s.Change(func(e recording.Event) bool { return isNodes(i, from)(e) && e.T < to }, func(e *recording.Event) {
				e.Nodes.Outcome, e.Nodes.Visible, e.Nodes.Detail = o, nil, "what was seen"
			})
		}
	}
	stranger := "other@10.244.9.9"
	const end = time.Hour
	return map[string][]trial{
		"mesh/full": {
			{"one node does not see another", func(s *rt.Story) { blind(s, 0, 2, 0) }, []want{{pair(0, 2), check.Fail, "not-in-view",
				[]string{rt.Node(0) + " (" + rt.Name(0) + ") does not see " + rt.Node(2), "14 s", "nodes() is [" + rt.Node(1) + "]", "logs " + rt.Name(0)}}}},
			{"a stranger in one view", sees(1, stranger, 0, end), nil},
			{"a dead one in one view", func(s *rt.Story) {
				leaving(s)
				s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Deleting }, func(e *recording.Event) { e.Pod.Gone, e.T = true, 4*time.Second })
				s.Drop(func(e recording.Event) bool { return e.T >= 4*time.Second && (isNodes(3, 0)(e) || isSockets(3, 0)(e)) })
				forget(0, 3, 4*time.Second, end)(s)
				forget(2, 3, 4*time.Second, end)(s)
				// The mesh was full before the fourth pod left.
				blind(s, 0, 2, 0)
				s.Change(isNodes(0, 14*time.Second), func(e *recording.Event) { e.Nodes.Visible = append(e.Nodes.Visible, rt.Node(2)) })
			}, []want{{pod(1), check.Fail, "stale-node", []string{rt.Node(1), rt.Node(3), "whose pod is gone"}}}},
			{"too few", func(s *rt.Story) { s.Drop(isPod(2)) }, []want{
				{whole, check.Fail, "too-few", []string{"2 of 3"}}}},
			{"the run ended before it was deployed", neverDeployed, []want{{whole, check.Unseen, "", []string{"the workload was not deployed"}}}},
			{"one view was not seen", func(s *rt.Story) { s.Drop(isNodes(2, 0)) }, []want{{rt.Name(2) + " -> *", check.Unseen, "", []string{rt.Name(2)}}}},
			{"one node cannot be asked", unanswered(2, recording.Denied, 0, end), []want{{rt.Name(2) + " -> *", check.Unseen, "", []string{rt.Name(2), "closed-after-reply", "what was seen"}}}},
			{"no agent", func(s *rt.Story) { s.Drop(byAgent) }, []want{{"derl*", check.Unseen, "", nil}}},
			{"the API server was not watched", func(s *rt.Story) { s.Drop(byKube) }, []want{{whole, check.Unseen, "", []string{"API server"}}}},
			{"a node that never told its name is known by its address", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool {
					return isNodes(2, 0)(e) || isDist(0, 2)(e) || isDist(1, 2)(e) || e.Cookie != nil && e.Cookie.Pod == rt.UID(2)
				})
			}, []want{{rt.Name(2) + " -> *", check.Unseen, "", nil}}},
			{"the youngest view is 200 ms old", func(s *rt.Story) { s.Drop(isNodes(1, rt.Formed-200*time.Millisecond)) }, nil},
			{"full, and falls apart later", forget(0, 2, 10*time.Second, end), nil},
			{"a pod too many that is not ready yet", surge, nil},
			{"a pod too many that is ready and in the mesh", func(s *rt.Story) { s.Events = rt.Formation(4).Events }, nil},
			{"an old pod is on its way out and still in the views", leaving, nil},
			{"the agent came late", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return byAgent(e) && e.T < 5*time.Second && e.Cookie == nil })
			}, nil},
		},
		"mesh/stable": {
			{"falls apart for two looks", forget(1, 0, 12*time.Second, 12300*time.Millisecond), []want{{pod(1), check.Fail, "flapping",
				[]string{rt.Node(1), "in 2 of 41 observations in the last 10 s", "misses " + rt.Node(0)}}}},
			{"a stranger for a moment", sees(1, stranger, 12*time.Second, 13*time.Second), []want{{pod(1), check.Fail, "flapping", []string{stranger}}}},
			{"never full", func(s *rt.Story) { blind(s, 0, 2, 0) }, []want{{"pod *", check.Unseen, "", []string{"never full"}}}},
			{"not watched for more than a second", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isNodes(1, 10*time.Second)(e) && e.T < 11500*time.Millisecond })
			}, []want{{pod(1), check.Unseen, "", []string{rt.Name(1), "not observed for 1.8 s"}}}},
			{"not answered for more than a second", unanswered(1, recording.Timeout, 10*time.Second, 11500*time.Millisecond), []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
			{"not watched at the end", func(s *rt.Story) { s.Drop(isNodes(1, rt.Formed-1500*time.Millisecond)) }, []want{{pod(1), check.Unseen, "", []string{rt.Name(1)}}}},
			{"not watched for less than a second", func(s *rt.Story) {
				s.Drop(func(e recording.Event) bool { return isNodes(1, 10*time.Second)(e) && e.T < 10700*time.Millisecond })
			}, nil},
			{"not watched for long enough", func(s *rt.Story) { s.Cut(9 * time.Second) }, []want{{"pod *", check.Unseen, "", []string{"6.0 s", "10 s are needed"}}}},
			{"fell apart long before", forget(1, 0, 4*time.Second, 4300*time.Millisecond), nil},
			{"a pod too many that is ready and in the mesh", func(s *rt.Story) { s.Events = rt.Formation(4).Events }, nil},
			{"readiness flips", func(s *rt.Story) { flip(s, 2, 9*time.Second, 10*time.Second) }, nil},
			{"no pod", func(s *rt.Story) { s.Drop(func(e recording.Event) bool { return e.Pod != nil }) }, []want{{"*", check.Unseen, "", nil}}},
			{"an old pod leaves in between", func(s *rt.Story) {
				leaving(s)
				s.Change(func(e recording.Event) bool { return isPod(3)(e) && e.Pod.Deleting }, func(e *recording.Event) { e.Pod.Gone, e.T = true, 9*time.Second })
				s.Add(recording.Event{T: 8900 * time.Millisecond, By: rt.Agent, Process: &recording.Process{Pod: rt.UID(3), PID: 1003, Exited: true}})
				s.Drop(func(e recording.Event) bool { return e.T >= 8900*time.Millisecond && isNodes(3, 0)(e) })
				for i := range 3 {
					forget(i, 3, 8900*time.Millisecond, end)(s)
				}
			}, nil},
		},
	}
}

func consoleTrials() map[string][]trial {
	isExec := func(e recording.Event) bool { return e.Exec != nil }
	return map[string][]trial{
		"console/commands-work": {
			{"another answer", func(s *rt.Story) {
				s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Output = 1, "Node is not running!\n" })
			}, []want{{"command ping", check.Fail, "command-failed", []string{rt.Name(0), "exits with code 1", `"pong"`, "Node is not running!", "bin/derl ping"}}}},
			{"the right answer, and an error", func(s *rt.Story) {
				s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Output = 3, "a\nb\nc\nd\ne\npong\n" })
			}, []want{{"command ping", check.Fail, "command-failed", []string{"exits with code 3, although", "output: b", "output: pong"}}}},
			{"no end", func(s *rt.Story) {
				s.Change(isExec, func(e *recording.Event) {
					e.Exec.Code, e.Exec.Output, e.Exec.Detail = -1, "", "still running after 1m0s"
				})
			}, []want{{"command ping", check.Fail, "command-failed", []string{"did not end: still running after 1m0s, and its output does not contain"}}}},
			{"no end, and the right answer", func(s *rt.Story) {
				s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Detail = -1, "still running after 1m0s" })
			}, nil},
			{"no such program", func(s *rt.Story) {
				s.Change(isExec, func(e *recording.Event) { e.Exec.Code, e.Exec.Output, e.Exec.Detail = 127, "", "stat /x: no such file" })
			}, []want{{"command ping", check.Fail, "command-failed", []string{"exits with code 127 (stat /x: no such file)"}}}},
			{"could not be run", func(s *rt.Story) {
				s.Change(isExec, func(e *recording.Event) {
					e.Exec.Outcome, e.Exec.Output, e.Exec.Detail = recording.ProbeError, "", "the API server said 500"
				})
			}, []want{{"command ping", check.Unseen, "", []string{rt.Name(0), "the API server said 500"}}}},
			{"was not run", func(s *rt.Story) { s.Drop(isExec) }, []want{{"command ping", check.Unseen, "", []string{"not run"}}}},
			{"none in the profile", func(s *rt.Story) { edit(s, func(p *profile.Resolved) { p.Console = nil }) }, []want{{whole, check.NotApplicable, "", []string{"no console command"}}}},
		},
	}
}
