package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/reports/picture"
)

// again is the report as it is read back from its file.
func again(t *testing.T, r *Run) *Run {
	t.Helper()
	var b bytes.Buffer
	if err := JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	back, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func kindsOf(d *Diff) string {
	var all []string
	for _, c := range d.Changes {
		all = append(all, fmt.Sprintf("%s %s%s", c.Kind, c.Check, c.Phase))
	}
	return strings.Join(all, "; ")
}

// The mutant and its base have other names; here they are two reports of one workload.
func TestDiffOfRealReports(t *testing.T) {
	green, red, blind := again(t, judged(t, recorded(t, "dns-a")[0])), again(t, judged(t, recorded(t, "cookie-differs")...)), again(t, judged(t, recorded(t, "no-agents")[0]))
	red.Profiles[0].Mutant = ""
	d := Compare(green, red)
	if c := d.Changes[0]; c.Kind != NewFailure || c.Check != "handshake/cookie-accepted" || !strings.Contains(c.Message, "two cookies are in use") || !strings.Contains(c.Remedy, "same key of the same Secret") {
		t.Errorf("the first change is %+v", c)
	}
	for _, c := range d.Changes {
		if c.Check == "mesh/full" {
			t.Errorf("what the failure explains is a change of its own: %+v", c)
		}
	}
	if d = Compare(red, green); d.Regressions != 0 || d.Changes[0].Kind != Fixed {
		t.Errorf("mended: %d regressions, %s", d.Regressions, kindsOf(d))
	}
	if d = Compare(green, blind); !strings.Contains(kindsOf(d), "not seen mesh/links-alive") || strings.Contains(kindsOf(d), "new failure") {
		t.Errorf("without an agent: %s", kindsOf(d))
	}
	if d = Compare(blind, green); strings.Contains(kindsOf(d), "new failure") || !strings.Contains(kindsOf(d), "seen again mesh/links-alive") {
		t.Errorf("with an agent again: %d regressions, %s", d.Regressions, kindsOf(d))
	}
	if d = Compare(green, green); len(d.Changes) != 0 {
		t.Errorf("a report and itself differ: %s", kindsOf(d))
	}
}

// Slower is more than half and more than two seconds; less is noise.
func TestDiffOfTimes(t *testing.T) {
	at := func(took, phase time.Duration, open bool) *Run {
		p := Profile{Profile: judge.Profile{Name: "shop", Results: []judge.Result{{ID: "mesh/full", Verdict: judge.Pass, Took: took}, {ID: "mesh/stable", Verdict: judge.Pass, Took: 10 * took}}}}
		p.Pictures = []*picture.Picture{{Scenario: "recovery", Phases: []picture.Phase{{Name: "mesh full again", From: time.Second, To: time.Second + phase, Open: open}}}}
		r := &Run{Started: began, Profiles: []Profile{p}}
		r.Close(nil, began)
		return r
	}
	s := time.Second
	for name, c := range map[string]struct {
		a, b *Run
		want string
	}{
		"the same":                      {at(3*s, 3*s, false), at(3*s, 3*s, false), ""},
		"a check is slower":             {at(3*s, 3*s, false), at(6*s, 3*s, false), "slower mesh/full"},
		"a phase is slower":             {at(3*s, 3*s, false), at(3*s, 6*s, false), "slower mesh full again"},
		"two seconds are noise":         {at(s, s, false), at(3*s, 3*s, false), ""},
		"half is noise":                 {at(10*s, 10*s, false), at(15*s, 15*s, false), ""},
		"more than both":                {at(10*s, 10*s, false), at(15*s+1, 15*s+1, false), "slower mesh/full; slower mesh full again"},
		"faster":                        {at(9*s, 9*s, false), at(3*s, 3*s, false), "faster mesh/full; faster mesh full again"},
		"it did not end, and took long": {at(s, s, false), at(s, 9*s, true), "slower mesh full again"},
		"it did not end":                {at(s, s, false), at(s, s, true), "not seen mesh full again"},
		"it had not ended before":       {at(s, s, true), at(s, 9*s, false), ""},
	} {
		if d := Compare(again(t, c.a), again(t, c.b)); kindsOf(d) != c.want {
			t.Errorf("%s: %q, want %q", name, kindsOf(d), c.want)
		}
	}
}

// A run that ended early is worse than one that did not, also where no check failed; and a lost workload is said.
func TestDiffOfRuns(t *testing.T) {
	a, b := run(judge.Pass), run(judge.Pass)
	a.Profiles = append(a.Profiles, Profile{Profile: judge.Profile{Name: "mail"}})
	a.Close(nil, began)
	b.Close(errors.New("no disk\nmore"), began)
	d := Compare(a, b)
	if kindsOf(d) != "new trouble ; missing " || d.Regressions != 1 {
		t.Errorf("%d regressions: %s", d.Regressions, kindsOf(d))
	}
	var text bytes.Buffer
	d.Text(&text)
	for _, want := range []string{"new trouble  internal: no disk\n", "missing      mail: the workload", "\n1 regression: 1 new trouble, 1 missing\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	// A failure of a workload that is new is a failure all the same.
	b = run(judge.Fail)
	b.Profiles[0].Name = "new"
	b.Close(nil, began)
	if d = Compare(a, b); d.Regressions != 1 {
		t.Errorf("a new workload that fails: %s", kindsOf(d))
	}
}

// What is only not seen any more is said, and stops no pipeline: the exit code of the run itself says it.
func TestDiffOfWhatIsNotSeen(t *testing.T) {
	a, b := run(judge.Pass), run(judge.Unknown)
	b.Profiles[0].Results[0].ID = a.Profiles[0].Results[0].ID
	if d := Compare(a, b); d.Regressions != 0 || kindsOf(d) != "not seen x/pass" {
		t.Errorf("%d regressions: %s", d.Regressions, kindsOf(d))
	}
	if d := Compare(b, a); d.Regressions != 0 || kindsOf(d) != "seen again x/pass" {
		t.Errorf("%d regressions: %s", d.Regressions, kindsOf(d))
	}
}

// What is no report is refused, also one of a later format.
func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{"": "no report.json", "[]": "no report.json", `{"apiVersion":"meshproof.dev/report/v9"}`: "v9"} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What a program reads says the same as what people read.
func TestDiffAsJSON(t *testing.T) {
	a, b := judged(t, made(t, recordingtest.Formation(3))), judged(t, recorded(t, "selector-typo")...)
	b.Profiles[0].Mutant = ""
	text, err := json.Marshal(Compare(again(t, a), again(t, b)))
	if err != nil || !strings.Contains(string(text), `"regressions":`) || !strings.Contains(string(text), `"kind":"new failure","workload":"dns-a","check":"service/selects-pods","from":"pass","to":"fail"`) {
		t.Errorf("%v %s", err, text)
	}
}
