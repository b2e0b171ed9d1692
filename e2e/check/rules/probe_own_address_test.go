package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestProbeOwnAddress(t *testing.T) {
	try(t, "probe/own-address", []trial{
		{"dialled from elsewhere", func(s *rt.Recording) {
			s.Change(isDist(1, 2), func(e *recording.Event) {
				e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, "dialled from 10.0.0.1:5, not from the pod's own address "+rt.IP(1)
			})
		}, []want{{pod(1), check.Unseen, "other-address", []string{rt.Name(1), "dialled from 10.0.0.1:5"}}}},
		{"from where the address is not", func(s *rt.Recording) {
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
		{"its address went away under one dial", func(s *rt.Recording) {
			s.Change(isDist(1, 2), func(e *recording.Event) {
				e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, rt.IP(1)+" is no address of the pod's network namespace: cannot assign requested address"
			})
		}, nil},
		{"nothing was dialled", func(s *rt.Recording) { s.Drop(byAgent) }, []want{{"pod *", check.NotApplicable, "", []string{"no agent sent a probe from"}}}},
		{"an error of another kind", func(s *rt.Recording) {
			s.Change(isDist(1, 2), func(e *recording.Event) { e.Dist.Outcome, e.Dist.Detail = recording.ProbeError, "too many open files" })
		}, nil},
	})
}
