package rules_test

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// ours is a name that a node gives to our probe.
const ours = "2J6N0MUFN4K7S@127.0.0.1"

// visibleProbe makes our probe a peer of pod i's node for one look.
func visibleProbe(s *rt.Story, i int) {
	done := false
	s.Change(isNodes(i, rt.Full), func(e *recording.Event) {
		if !done {
			e.Nodes.Visible, done = append(e.Nodes.Visible, ours), true
		}
	})
}

func probeTrials() map[string][]trial {
	return map[string][]trial{
		"probe/hidden": {
			{"visible for a moment", func(s *rt.Story) { visibleProbe(s, 1) }, []want{{pod(1), check.Unseen, "probe-visible", []string{rt.Node(1), ours, "no verdict about the mesh is valid"}}}},
			{"one node was never asked", func(s *rt.Story) { s.Drop(isNodes(2, 0)) }, []want{{pod(2), check.NotApplicable, "", []string{rt.Name(2)}}}},
			{"a node that calls itself so", calls(2, "derl@127.0.0.1"), nil},
			{"hidden, as it should be", func(s *rt.Story) {
				s.Change(isNodes(1, 0), func(e *recording.Event) { e.Nodes.Hidden = []string{ours} })
			}, nil},
		},
		"probe/own-address": {
			{"dialled from elsewhere", func(s *rt.Story) {
				s.Change(isDist(1, 2), func(e *recording.Event) {
					e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, "dialled from 10.0.0.1:5, not from the pod's own address "+rt.IP(1)
				})
			}, []want{{pod(1), check.Unseen, "other-address", []string{rt.Name(1), "dialled from 10.0.0.1:5"}}}},
			{"from where the address is not", func(s *rt.Story) {
				s.Change(func(e recording.Event) bool {
					return isDist(1, 0)(e) || isDist(1, 2)(e) || isEPMD(1, 0)(e) || isEPMD(1, 2)(e)
				}, func(e *recording.Event) {
					detail := rt.IP(1) + " is no address of the pod's network namespace: cannot assign requested address"
					if e.Dist != nil {
						e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, detail
					} else {
						e.EPMD.Outcome, e.EPMD.Detail = recording.ProbeError, detail
					}
				})
			}, []want{{pod(1), check.Unseen, "other-address", []string{rt.Name(1), "no address of the pod's"}}}},
			{"its address went away under one dial", func(s *rt.Story) {
				s.Change(isDist(1, 2), func(e *recording.Event) {
					e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, rt.IP(1)+" is no address of the pod's network namespace: cannot assign requested address"
				})
			}, nil},
			{"nothing was dialled", func(s *rt.Story) { s.Drop(byAgent) }, []want{{"pod *", check.NotApplicable, "", []string{"no agent sent a probe from"}}}},
			{"an error of another kind", func(s *rt.Story) {
				s.Change(isDist(1, 2), func(e *recording.Event) { e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, "too many open files" })
			}, nil},
		},
	}
}
