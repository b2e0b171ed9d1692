package rules_test

import (
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// outcomes are what a dial may come to, with the diagnosis.
var outcomes = []struct {
	o    recording.Outcome
	code string
	says string
}{
	{recording.Refused, "refused", "on the way rejects the connection"},
	{recording.Timeout, "filtered", "packets are dropped"},
	{recording.Unreachable, "unreachable", "cannot be reached"},
	{recording.Rejected, "unreachable", "cannot be reached"},
	{recording.Silent, "silent", "then sends nothing"},
	{"closed", "not-speaking", "closed"},
}

// unreachedTrials are the ways of not reaching a port of pod 2 from pod 0; change lets the dials end so.
func unreachedTrials(change func(o recording.Outcome, from time.Duration) func(s *rt.Recording), says ...string) []trial {
	var all []trial
	for _, x := range outcomes {
		all = append(all, trial{string(x.o), change(x.o, 0), []want{{pair(0, 2), check.Fail, x.code, append([]string{rt.Name(0), x.says, "what was seen"}, says...)}}})
	}
	return all
}
