package judge_test

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// The epmd of one pod refuses its peers, and the mesh has formed all the same. What cannot be judged because of the epmd is
// blocked by it; the mesh was seen, and passes.
func ExampleJudge() {
	recorded := recordingtest.Formation(3)
	recorded.Change(func(e recording.Event) bool { return e.EPMD != nil && e.EPMD.To == recordingtest.UID(2) }, func(e *recording.Event) {
		e.EPMD.Outcome, e.EPMD.Names, e.EPMD.Detail = recording.Refused, nil, "connection refused"
	})

	v, err := view.New(recorded.Header())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range recorded.Events {
		v.Apply(e)
	}
	result := judge.Judge("dns-a", []judge.Scenario{{Name: recording.Formation, View: v}}, rules.All())

	for _, r := range result.Results {
		switch {
		case r.Verdict == judge.Fail:
			fmt.Printf("%s %s: %s\n", r.Verdict, r.ID, r.Code)
		case r.Verdict == judge.Blocked:
			fmt.Printf("%s %s: by %s\n", r.Verdict, r.ID, strings.Join(r.BlockedBy, ", "))
		case r.ID == "mesh/full":
			fmt.Println(r.Verdict, r.ID)
		}
	}
	fmt.Println("first broken rung:", result.FirstBroken().Rung)
	// Output:
	// fail epmd/reachable: refused
	// blocked epmd/name-registered: by epmd/reachable (derl-6c9f-a0 -> derl-6c9f-c2), epmd/reachable (derl-6c9f-b1 -> derl-6c9f-c2)
	// blocked epmd/one-name: by epmd/reachable (derl-6c9f-a0 -> derl-6c9f-c2), epmd/reachable (derl-6c9f-b1 -> derl-6c9f-c2)
	// blocked epmd/port-as-declared: by epmd/reachable (derl-6c9f-a0 -> derl-6c9f-c2), epmd/reachable (derl-6c9f-b1 -> derl-6c9f-c2)
	// pass mesh/full
	// first broken rung: epmd
}
