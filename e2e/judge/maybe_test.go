package judge_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// DNS that has not come back from an outage of the API server may be why nodes did not find each other: that they did not is then unknown
// too. Without an outage DNS is red, and what it explains is blocked by it. A cause that is certain, here that views and links differ, goes first.
func TestWhatADoubtfulCauseExplainsIsUnknown(t *testing.T) {
	alone := func(s *rt.Recording) {
		s.Change(func(e recording.Event) bool { return e.Nodes != nil }, func(e *recording.Event) { e.Nodes.Visible = nil })
	}
	nxdomain := func(s *rt.Recording) {
		alone(s)
		s.Change(func(e recording.Event) bool { return e.DNS != nil }, func(e *recording.Event) { e.DNS.Addrs, e.DNS.RCode = nil, "NXDOMAIN" })
	}
	away := func(s *rt.Recording) {
		s.Add(recording.Event{T: 5 * time.Second, By: recording.ByKube, Gap: &recording.Gap{From: time.Second, To: 5 * time.Second, Why: "the API server did not answer"}})
	}
	for name, x := range map[string]struct {
		changes   []func(*rt.Recording)
		dns, mesh judge.Verdict
	}{
		"no name, after an outage":              {[]func(*rt.Recording){nxdomain, away}, judge.Unknown, judge.Unknown},
		"no name, and no outage":                {[]func(*rt.Recording){nxdomain}, judge.Fail, judge.Blocked},
		"no mesh after an outage, DNS is right": {[]func(*rt.Recording){alone, away}, judge.Pass, judge.Blocked},
	} {
		s := rt.Formation(3)
		for _, change := range x.changes {
			change(s)
		}
		v, err := view.New(s.Header())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range s.Events {
			v.Apply(e)
		}
		for _, r := range judge.Judge("x", []judge.Scenario{{Name: "formation", View: v}}, rules.All()).Results {
			want := map[string]judge.Verdict{"dns/a-records-match-pods": x.dns, "mesh/full": x.mesh}[r.ID]
			if want != "" && r.Verdict != want {
				t.Errorf("%s: %s: %s %s, want %s", name, r.ID, r.Verdict, r.Message, want)
			}
			if r.ID == "mesh/full" && want == judge.Unknown && (!strings.Contains(r.Message, "whether that is because of dns/a-records-match-pods (") || len(r.BlockedBy) > 0) {
				t.Errorf("%s: %s: %s, blocked by %v", name, r.ID, r.Message, r.BlockedBy)
			}
			if x.mesh == judge.Unknown && r.Verdict == judge.Fail {
				t.Errorf("%s: red: %s: %s", name, r.ID, r.Message)
			}
		}
	}
}
