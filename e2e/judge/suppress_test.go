package judge_test

import (
	"encoding/json"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// annotated is a recording in which an object says that a check may fail for it.
func annotated(s *rt.Recording, kind, annotation, reason string) *rt.Recording {
	s.Change(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == kind }, func(e *recording.Event) {
		o := *e.Object
		o.Manifest = json.RawMessage(strings.Replace(string(o.Manifest), `"metadata":{`, `"metadata":{"annotations":{"meshproof.dev/ignore.`+annotation+`":"`+reason+`"},`, 1))
		e.Object = &o
	})
	return s
}

// What fails for an object that says so is suppressed, in a run as in lint, with its reason; whatever else fails is red.
func TestAnAnnotationSuppresses(t *testing.T) {
	object := check.Finding{Subject: check.OnObject("Deployment", "derl"), Outcome: check.Fail, Code: "spins", Message: "it spins"}
	service := check.Finding{Subject: check.Subject{Kind: "service", Name: "derl"}, Outcome: check.Fail, Message: "it has an address"}
	pair := check.Finding{Subject: check.Subject{Kind: "pair", Name: rt.Name(0), Peer: rt.Name(1)}, Outcome: check.Fail, Message: "it is shut"}
	whole := check.Finding{Subject: check.Subject{Kind: "workload", Name: "dns-a"}, Outcome: check.Fail, Message: "there are two"}
	stranger := pair
	stranger.Subject.Peer = "other-0"
	for name, c := range map[string]struct {
		kind, id string
		level    check.Level
		found    []check.Finding
		want     judge.Verdict
	}{
		"the object itself":           {"Deployment", "x/a", check.Required, []check.Finding{object}, judge.Suppressed},
		"advice":                      {"Deployment", "x/a", check.Advice, []check.Finding{object}, judge.Suppressed},
		"another check":               {"Deployment", "x/b", check.Required, []check.Finding{object}, judge.Fail},
		"another object":              {"Service", "x/a", check.Required, []check.Finding{object}, judge.Fail},
		"a Service":                   {"Service", "x/a", check.Required, []check.Finding{service}, judge.Suppressed},
		"a pod":                       {"Deployment", "x/a", check.Required, []check.Finding{found(rt.Name(0), check.Fail)}, judge.Suppressed},
		"an unknown pod":              {"Deployment", "x/a", check.Required, []check.Finding{found("other-0", check.Fail)}, judge.Fail},
		"a pair":                      {"Deployment", "x/a", check.Required, []check.Finding{pair}, judge.Suppressed},
		"a pair with a stranger":      {"Deployment", "x/a", check.Required, []check.Finding{stranger}, judge.Fail},
		"all of the workload":         {"Deployment", "x/a", check.Required, []check.Finding{whole}, judge.Suppressed},
		"something else fails, too":   {"Deployment", "x/a", check.Required, []check.Finding{object, service}, judge.Fail},
		"something is not seen":       {"Deployment", "x/a", check.Required, []check.Finding{object, found(rt.Name(1), check.Unseen)}, judge.Unknown},
		"what is not seen, never":     {"Deployment", "x/a", check.Required, []check.Finding{found(rt.Name(1), check.Unseen)}, judge.Unknown},
		"something else is all right": {"Deployment", "x/a", check.Required, []check.Finding{object, found(rt.Name(1), check.Pass)}, judge.Suppressed},
	} {
		p := judgedBy(t, annotated(rt.Formation(3), c.kind, strings.Replace(c.id, "/", ".", 1), "as agreed"), finds("x/passes", check.Required, nil, found(rt.Name(0), check.Pass)), finds("x/a", c.level, nil, c.found...))
		r := result(t, p, "x/a")
		if r.Verdict != c.want || (r.Reason == "as agreed") != (c.want == judge.Suppressed) {
			t.Errorf("%s: %s (%s), wanted %s", name, r.Verdict, r.Reason, c.want)
		}
		if passed, failed, skipped := p.Counts(); c.want == judge.Suppressed && (p.ExitCode() != exitcode.OK || passed != 1 || failed != 0 || skipped != 1) {
			t.Errorf("%s: exit code %d, %d passed, %d failed, %d skipped", name, p.ExitCode(), passed, failed, skipped)
		}
	}
}

// Nothing is explained by what is suppressed, and the mesh must be full whatever an object says.
func TestWhatIsNeverSuppressed(t *testing.T) {
	red := annotated(rt.Formation(3), "Deployment", "handshake.cookie-accepted", "as agreed")
	red.Change(func(e recording.Event) bool { return e.Cookie != nil && e.Cookie.Cookie == "A" }, func(e *recording.Event) {
		x := *e.Cookie
		x.Outcome = recording.Denied
		e.Cookie = &x
	})
	red.Drop(func(e recording.Event) bool { return e.Nodes != nil || e.Sockets != nil })
	p := judgedBy(t, red, rules.All()...)
	if got := result(t, p, "handshake/cookie-accepted").Verdict; got != judge.Suppressed {
		t.Errorf("the cookie is %s", got)
	}
	for _, id := range []string{"mesh/full"} {
		if got := result(t, p, id).Verdict; got == judge.Blocked || got == judge.Pass || got == judge.Suppressed {
			t.Errorf("%s is %s", id, got)
		}
	}
	whole := check.Finding{Subject: check.Subject{Kind: "workload", Name: "dns-a"}, Outcome: check.Fail, Message: "there are two"}
	if got := result(t, judgedBy(t, annotated(rt.Formation(3), "Deployment", "mesh.full", "as agreed"), finds("mesh/full", check.Required, nil, whole)), "mesh/full").Verdict; got != judge.Fail {
		t.Errorf("mesh/full is %s", got)
	}
}

// An annotation that suppresses nothing is advice to remove it, unless its check could not be judged.
func TestAnAnnotationThatSuppressesNothing(t *testing.T) {
	object := check.Finding{Subject: check.OnObject("Deployment", "derl"), Outcome: check.Fail, Message: "it spins"}
	for name, c := range map[string]struct {
		found   check.Finding
		id      string
		useless bool
	}{
		"it fails":        {object, "x/a", false},
		"it passes":       {found(rt.Name(0), check.Pass), "x/a", true},
		"it is unknown":   {found(rt.Name(0), check.Unseen), "x/a", false},
		"another fails":   {check.Finding{Subject: check.Subject{Kind: "service", Name: "derl"}, Outcome: check.Fail, Message: "x"}, "x/a", true},
		"it is not there": {object, "x/b", false},
	} {
		p := judgedBy(t, annotated(rt.Formation(3), "Deployment", "x.a", "as agreed"), finds("x/passes", check.Required, nil, found(rt.Name(0), check.Pass)), finds(c.id, check.Required, nil, c.found))
		last := p.Results[len(p.Results)-1]
		if useless := last.ID == judge.UselessID; useless != c.useless || useless && (last.Verdict != judge.Advised || last.Message != "annotation meshproof.dev/ignore.x.a of Deployment/derl suppresses nothing: x/a does not fail for it") {
			t.Errorf("%s: %+v", name, last)
		}
	}
	if p := judgedBy(t, rt.Formation(3), rules.All()...); p.Results[len(p.Results)-1].ID == judge.UselessID {
		t.Error("there is one without an annotation")
	}
}
