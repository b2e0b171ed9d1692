package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestRecoveryPartitionAsOTP(t *testing.T) {
	// split makes it a split of pod 1 from all others: nobody has a link to both ends of one that is cut.
	split := func(s *rt.Recording) {
		for _, do := range []struct {
			at time.Duration
			do string
		}{{rt.Deleted, recording.Inject}, {rt.Healed, recording.Heal}} {
			s.Add(recording.Event{T: do.at, By: "run", Act: &recording.Act{Do: do.do, Pod: rt.UID(2), Fault: recording.FaultCut, Peer: rt.IP(1)}})
		}
	}
	off := func(s *rt.Recording) {
		prevents(s, "false")
		keeps(s, 0, 2)
		keeps(s, 1, 2)
	}
	try(t, "recovery/partition-as-otp", []trial{
		nothingDone("no link was cut"),
		{"the third keeps both", func(s *rt.Recording) { keeps(s, 0, 2); keeps(s, 1, 2) }, []want{
			{pair(0, 1), check.Fail, "overlapping", []string{rt.Node(2) + " still had its links to both"}}, {pair(1, 0), check.Fail, "overlapping", nil}}},
		{"the third keeps one of them", func(s *rt.Recording) { keeps(s, 0, 2) }, nil},
		{"nothing is prevented, and the third keeps both", off, nil},
		{"nothing is prevented, and the third loses one", func(s *rt.Recording) { prevents(s, "false"); keeps(s, 0, 2) }, []want{
			{pair(1, 2), check.Fail, "others-lost", []string{"8.0 s after another link was cut", "prevent_overlapping_partitions is off"}}}},
		{"a split, and the majority keeps its link", func(s *rt.Recording) { split(s); keeps(s, 0, 2) }, []want{{pair(2, 1), check.Pass, "", nil}}},
		{"a split, and the majority loses its link", split, []want{{pair(0, 2), check.Fail, "others-lost", []string{"nobody could tell"}}}},
		{"some prevent it", func(s *rt.Recording) { prevents(s, "false", 2) }, []want{{whole, check.Unseen, "", []string{"only some"}}}},
		{"it was not read", func(s *rt.Recording) { prevents(s, "") }, []want{{whole, check.Unseen, "", []string{"was not read"}}}},
		{"nobody has noticed", func(s *rt.Recording) {
			sees(s, 0, 1, rt.Noticed, rt.Healed, true)
			sees(s, 1, 0, rt.Noticed, rt.Healed, true)
		}, []want{{pair(0, 1), check.Unseen, "", []string{"did not notice"}}, {pair(1, 0), check.Unseen, "", nil}}},
		{"the table was not read", func(s *rt.Recording) { off(s); s.Drop(isSockets(0, rt.Noticed)) }, []want{{pair(0, 2), check.Unseen, "", []string{"was not read"}}}},
		noMeshMeant(),
	})
}
