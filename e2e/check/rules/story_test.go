package rules_test

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// trial is a healthy story changed in one way, and what the check must then find. Subjects that are not named must pass.
type trial struct {
	name   string
	change func(s *rt.Story)
	want   []want
}

// want is the finding of one subject, or of all that fit a subject that ends with "*".
type want struct {
	subject string // as check.Subject.String has it
	outcome check.Outcome
	code    string
	says    []string // each of them part of the sentence, the evidence or the remedy
}

// trials are those of each check, by its id.
func trials() map[string][]trial {
	all := map[string][]trial{}
	for _, part := range []map[string][]trial{podTrials(), nameTrials(), dialTrials(), meshTrials(), recoveryTrials(), rolloutTrials(), consoleTrials(),
		epmdTrials(), handshakeTrials(), linkTrials(), discoveryTrials(), aftermathTrials(), probeTrials(),
		topologyTrials(), manifestTrials(), policyTrials(), serviceTrials(), vmTrials(), settingTrials(), askedTrials(), tlsTrials()} {
		for id, list := range part {
			all[id] = append(all[id], list...)
		}
	}
	return all
}

// healthy is the story of three nodes on which a check of that scenario passes.
func healthy(scenario recording.Scenario) *rt.Story {
	switch scenario {
	case "formation":
		return rt.Formation(3)
	case "recovery":
		return rt.Recovery(3)
	case "rollout":
		return rt.Rollout(3)
	default:
		return rt.Console(3)
	}
}

// edit changes the profile that a story is judged by.
func edit(s *rt.Story, change func(p *profile.Resolved)) {
	var p profile.Resolved
	s.Edit(&p, func() { change(&p) })
}

func fold(t testing.TB, s *rt.Story) *view.View {
	t.Helper()
	v, err := view.New(s.Header())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Events {
		v.Apply(e)
	}
	return v
}

func TestHealthyStoriesPass(t *testing.T) {
	for _, n := range []int{2, 3, 7} {
		for _, c := range rules.All() {
			s := map[recording.Scenario]*rt.Story{"formation": rt.Formation(n), "recovery": rt.Recovery(n), "rollout": rt.Rollout(n), "console": rt.Console(n)}[c.Scenario]
			found := c.Judge(fold(t, s))
			if len(found) == 0 {
				t.Errorf("%s found nothing to judge among %d nodes", c.ID, n)
			}
			for _, f := range found {
				// With two nodes, one of which is deleted, no link is left untouched.
				if f.Outcome == check.NotApplicable && n == 2 && c.ID == "recovery/survivors-keep-links" {
					continue
				}
				if f.Outcome == check.NotApplicable && passesElsewhere(c.ID) {
					continue
				}
				if f.Outcome != check.Pass {
					t.Errorf("%s with %d nodes: %s: %s %s: %s", c.ID, n, f.Subject, f.Outcome, f.Code, f.Message)
				}
				if f.Took < 0 || f.Took > rt.Formed && c.ID != "image/available" {
					t.Errorf("%s with %d nodes: %s took %s", c.ID, n, f.Subject, f.Took)
				}
			}
		}
	}
}

// passesElsewhere reports whether there is a trial in which the check passes: it need not apply to the healthy stories then.
func passesElsewhere(id string) bool {
	for _, tr := range trials()[id] {
		for _, w := range tr.want {
			if w.outcome == check.Pass {
				return true
			}
		}
	}
	return false
}

func TestTrials(t *testing.T) {
	tried := trials()
	for _, c := range rules.All() {
		for _, tr := range tried[c.ID] {
			t.Run(c.ID+"/"+tr.name, func(t *testing.T) {
				s := healthy(c.Scenario)
				tr.change(s)
				judged(t, c.Judge(fold(t, s)), tr.want)
			})
		}
	}
}

// judged compares what was found with what was wanted, both ways.
func judged(t *testing.T, found []check.Finding, wanted []want) {
	t.Helper()
	met := make([]bool, len(wanted))
	for _, f := range found {
		i := fitting(f.Subject.String(), wanted)
		if i < 0 {
			if f.Outcome != check.Pass {
				t.Errorf("%s: %s %s: %s; it has to pass", f.Subject, f.Outcome, f.Code, f.Message)
			}
			continue
		}
		w := wanted[i]
		// A subject that is judged twice (its view and its DNS) may pass in the other.
		if f.Outcome == check.Pass && w.outcome != check.Pass {
			continue
		}
		met[i] = true
		if f.Outcome != w.outcome || f.Code != w.code {
			t.Errorf("%s: %s %q, wanted %s %q: %s", f.Subject, f.Outcome, f.Code, w.outcome, w.code, f.Message)
		}
		told := strings.Join(append([]string{f.Message, f.Remedy, f.Try}, f.Seen...), "\n")
		for _, part := range w.says {
			if !strings.Contains(told, part) {
				t.Errorf("%s does not say %q:\n%s", f.Subject, part, told)
			}
		}
		if f.Outcome == check.Fail && f.Message == "" {
			t.Errorf("%s fails without a sentence", f.Subject)
		}
	}
	for i, w := range wanted {
		if !met[i] {
			t.Errorf("%s was not found to be %s %s", w.subject, w.outcome, w.code)
		}
	}
}

func fitting(subject string, wanted []want) int {
	for i, w := range wanted {
		if prefix, open := strings.CutSuffix(w.subject, "*"); w.subject == subject || open && strings.HasPrefix(subject, prefix) {
			return i
		}
	}
	return -1
}

// The subjects of the stories.
func pod(i int) string     { return "pod " + rt.Name(i) }
func pair(i, j int) string { return rt.Name(i) + " -> " + rt.Name(j) }

const (
	svc   = "service " + rt.Service
	whole = "workload dns-a"
)

// Matches for the events of one kind.
func isPod(i int) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Pod != nil && e.Pod.UID == rt.UID(i) }
}

func isNodes(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.Nodes != nil && e.Nodes.Pod == rt.UID(i) && e.T >= from }
}

func isDNS(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool { return e.DNS != nil && e.DNS.Pod == rt.UID(i) && e.T >= from }
}

func isSockets(i int, from time.Duration) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Sockets != nil && e.Sockets.Pod == rt.UID(i) && e.T >= from
	}
}

func isEPMD(i, j int) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.EPMD != nil && e.EPMD.From == rt.UID(i) && e.EPMD.To == rt.UID(j)
	}
}

func isDist(i, j int) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Dist != nil && e.Dist.From == rt.UID(i) && e.Dist.To == rt.UID(j)
	}
}

func isCookie(i int, label string) func(recording.Event) bool {
	return func(e recording.Event) bool {
		return e.Cookie != nil && e.Cookie.Pod == rt.UID(i) && e.Cookie.Cookie == label
	}
}

func byAgent(e recording.Event) bool { return e.By == rt.Agent }
func byKube(e recording.Event) bool  { return e.By == "kube" }

// without is a list without one of its members.
func without(list []string, gone string) []string {
	var left []string
	for _, x := range list {
		if x != gone {
			left = append(left, x)
		}
	}
	return left
}

// blind takes node j out of what pod i's node believes from t on.
func blind(s *rt.Story, i, j int, t time.Duration) {
	s.Change(isNodes(i, t), func(e *recording.Event) { e.Nodes.Visible = without(e.Nodes.Visible, rt.Node(j)) })
}
