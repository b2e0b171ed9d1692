package judge_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// withoutAgents are the recordings of a real run on a cluster that refused the agents, each changed by edit; an event for which it
// returns false is left out.
func withoutAgents(t *testing.T, edit func(e *recording.Event) bool) judge.Profile {
	t.Helper()
	var all []judge.Scenario
	for _, name := range []recording.Scenario{"formation", "recovery", "console"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "fixtures", "recordings", "no-agents", string(name)+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(bytes.TrimSpace(data), []byte("\n"))
		var h recording.Header
		if err = json.Unmarshal(lines[0], &h); err != nil {
			t.Fatal(err)
		}
		v, err := view.New(h)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines[1:] {
			var e recording.Event
			if err = json.Unmarshal(line, &e); err != nil {
				t.Fatal(err)
			}
			if edit(&e) {
				v.Apply(e)
			}
		}
		all = append(all, judge.Scenario{Name: name, View: v})
	}
	return judge.Judge("dns-a", all, rules.All())
}

func asRecorded(*recording.Event) bool { return true }

// What only agents see is unknown, with the reason. It is accepted if that is asked for, and then the run is green.
func TestWithoutAgents(t *testing.T) {
	p := withoutAgents(t, asRecorded)
	unseen := 0
	for _, r := range p.Results {
		if r.Verdict == judge.Unknown {
			unseen++
		}
		if (r.Verdict == judge.Unknown) != (r.Unseen != "") || r.Unseen != "" && r.Message != "unseen: "+r.Unseen || r.Verdict == judge.Fail {
			t.Errorf("%s is %s: %q, unseen %q", r.ID, r.Verdict, r.Message, r.Unseen)
		}
	}
	v := p.Vantage
	if v == nil || unseen < 10 || v.Apply-v.Seen != unseen || v.Seen < 48 || !strings.Contains(v.Reason, "enabling hostPID") {
		t.Fatalf("%d unseen, %+v", unseen, v)
	}
	if code := p.ExitCode(); code != exitcode.Unknown {
		t.Errorf("exit code %d", code)
	}
	p.AcceptUnseen()
	passed, failed, skipped := p.Counts()
	if code := p.ExitCode(); code != exitcode.OK || p.Accepted() != unseen || failed != 0 || passed+skipped != len(p.Results) {
		t.Errorf("accepted %d of %d, failed %d, exit code %d", p.Accepted(), unseen, failed, code)
	}
	for _, r := range p.Results {
		if r.Verdict == judge.Accepted && !strings.HasPrefix(r.Reason, "accepted as unseen: ") {
			t.Errorf("%s: %q", r.ID, r.Reason)
		}
	}
}

// Whatever else cannot be seen, no check turns red because of it, and none turns green.
func TestEachMissingKindIsUnseen(t *testing.T) {
	was := withoutAgents(t, asRecorded)
	for _, kind := range []recording.Kind{recording.KindCookie, recording.KindDist, recording.KindEPMD, recording.KindKernel, recording.KindNodes, recording.KindRegistration, recording.KindSockets, recording.KindVM} {
		now := withoutAgents(t, func(e *recording.Event) bool {
			if e.Start != nil && e.By == recording.ByAPI {
				s := *e.Start
				s.Cannot = append(slices.Clone(s.Cannot), string(kind)+": the image has no such program")
				e.Start = &s
			}
			return e.Kind() != kind
		})
		lost := 0
		for i, r := range now.Results {
			before := was.Results[i].Verdict
			switch {
			case r.Verdict == before:
			case before == judge.Pass && (r.Verdict == judge.Unknown || r.Verdict == judge.Skip):
				lost++
			default:
				t.Errorf("without %s, %s is %s and was %s: %s%s", kind, r.ID, r.Verdict, before, r.Message, r.Reason)
			}
			if reads := slices.ContainsFunc(rules.All(), func(c check.Check) bool { return c.ID == r.ID && slices.Contains(c.Reads, kind) }); reads && r.Verdict == judge.Pass && r.ID != "probe/own-address" {
				t.Errorf("without %s, %s passes", kind, r.ID)
			}
		}
		if lost == 0 {
			t.Errorf("without %s nothing is lost", kind)
		}
	}
}

// The mesh itself is never accepted unseen, and neither is what has another cause.
func TestWhatIsNotAccepted(t *testing.T) {
	blind := withoutAgents(t, func(e *recording.Event) bool {
		if e.Start != nil && e.By == recording.ByAPI {
			s := *e.Start
			s.Cannot = append(slices.Clone(s.Cannot), "nodes: you may not create pods/portforward")
			e.Start = &s
		}
		return e.Nodes == nil
	})
	blind.AcceptUnseen()
	if r := result(t, blind, "mesh/full"); r.Verdict != judge.Unknown || blind.ExitCode() != exitcode.Unknown {
		t.Errorf("mesh/full is %s, exit code %d", r.Verdict, blind.ExitCode())
	}
	if r := result(t, blind, "mesh/stable"); r.Verdict != judge.Accepted {
		t.Errorf("mesh/stable is %s: %s", r.Verdict, r.Message)
	}
	// The tables could be read, and were not: that is not the vantage.
	untold := withoutAgents(t, func(e *recording.Event) bool { return e.Sockets == nil })
	untold.AcceptUnseen()
	for _, id := range []string{"mesh/links-match-views", "recovery/survivors-keep-links"} {
		if r := result(t, untold, id); r.Verdict != judge.Unknown || r.Unseen != "" {
			t.Errorf("%s is %s, unseen %q", id, r.Verdict, r.Unseen)
		}
	}
	if code := untold.ExitCode(); code != exitcode.Unknown {
		t.Errorf("exit code %d", code)
	}
}

// A mesh that is broken is red without agents, too: a node's own view shows it.
func TestABrokenMeshWithoutAgents(t *testing.T) {
	p := withoutAgents(t, func(e *recording.Event) bool {
		if e.Nodes != nil && len(e.Nodes.Visible) > 0 {
			n := *e.Nodes
			n.Visible = nil
			e.Nodes = &n
		}
		return true
	})
	p.AcceptUnseen()
	if r := result(t, p, "mesh/one-component"); r.Verdict != judge.Fail || p.ExitCode() != exitcode.Fail {
		t.Errorf("%s: %s, exit code %d", r.Verdict, r.Message, p.ExitCode())
	}
	if r := result(t, p, "mesh/full"); r.Verdict != judge.Blocked {
		t.Errorf("mesh/full is %s: %s", r.Verdict, r.Message)
	}
}

// What could not be recorded without an agent is unknown because of that, and may be accepted.
func TestAScenarioThatNeedsAnAgent(t *testing.T) {
	p := judge.Judge("dns-a", []judge.Scenario{{Name: "container-kill", Why: "an agent has to kill the VM", NoAgent: "pods are forbidden"}}, rules.All())
	apply := 0
	for _, c := range rules.All() {
		if slices.Contains(c.Scenarios(), "container-kill") {
			apply++
		}
	}
	r := result(t, p, "recovery/container-kill")
	if r.Verdict != judge.Unknown || r.Unseen != "pods are forbidden" || p.Vantage == nil || p.Vantage.Seen != 0 || p.Vantage.Apply != apply {
		t.Errorf("%+v, %+v", r, p.Vantage)
	}
	p.AcceptUnseen()
	if r = result(t, p, "recovery/container-kill"); r.Verdict != judge.Accepted || p.ExitCode() != exitcode.Unknown {
		t.Errorf("%s, exit code %d: a run in which nothing passed is no success", r.Verdict, p.ExitCode())
	}
}
