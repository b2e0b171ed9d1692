package reports

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

func TestMatrixRowsAreJudgedExactly(t *testing.T) {
	one, two := []string{"a (x)"}, []string{"a (x)", "b (y)"}
	for name, c := range map[string]struct {
		row   Row
		wrong string
	}{
		"killed":                {Row{Want: one, Red: one}, ""},
		"a double":              {Row{Want: two, Red: []string{"b (y)", "a (x)"}}, ""},
		"green":                 {Row{}, ""},
		"unknown, as expected":  {Row{WantUnknown: []string{"c"}, Unknown: []string{"c"}}, ""},
		"survived":              {Row{Want: one}, "survived: a (x)"},
		"one of two survived":   {Row{Want: two, Red: one}, "survived: b (y)"},
		"false alarm":           {Row{Red: []string{"b (y)"}}, "false alarm: b (y)"},
		"wrong reason":          {Row{Want: one, Red: []string{"a (z)"}}, "survived: a (x); also red: a (z)"},
		"one too many":          {Row{Want: one, Red: two}, "also red: b (y)"},
		"unknown is not":        {Row{Want: one, Red: one, Unknown: []string{"c"}}, "unknown: c"},
		"not unknown":           {Row{WantUnknown: []string{"c"}}, "must be unknown, but is not: c"},
		"even less is known":    {Row{WantUnknown: []string{"c"}, Unknown: []string{"c", "d"}}, ""},
		"red while not seen":    {Row{WantUnknown: []string{"c"}, Unknown: []string{"c"}, Red: one}, "false alarm: a (x)"},
		"all had to be unknown": {Row{WantUnknown: []string{"*"}, Profile: run(judge.Unknown, judge.Pass).Profiles[0]}, "must be unknown, but is not: x/pass"},
		"all are unknown":       {Row{WantUnknown: []string{"*"}, Unknown: []string{"x/unknown"}, Profile: run(judge.Unknown, judge.Skip).Profiles[0]}, ""},
		"trouble":               {Row{Profile: Profile{Trouble: "no node"}}, "trouble: no node"},
		"a bug of ours":         {Row{WantUnknown: []string{"c"}, Unknown: []string{"c", "d"}, Profile: Profile{Profile: judge.Profile{Bugs: []string{"a bug of ours in d"}}}}, "a bug of ours in d"},
	} {
		m := Matrix{Run: run(judge.Fail), Rows: []Row{c.row}}
		m.Run.Close(nil, began)
		m.Close(began)
		got := m.Rows[0]
		if got.Right != (c.wrong == "") || got.Wrong != c.wrong {
			t.Errorf("%s: right %v, wrong %q, want %q", name, got.Right, got.Wrong, c.wrong)
		}
		want := exitcode.OK
		if c.wrong != "" {
			want = exitcode.Fail
		}
		if m.Run.Exit.Code != want {
			t.Errorf("%s: exit %d, want %d", name, m.Run.Exit.Code, want)
		}
	}
}

// Only what was not seen is worth a second look: whatever was seen stays as it was.
func TestUnseenIsNothingButUnknown(t *testing.T) {
	one, c := []string{"a (x)"}, []string{"c"}
	stopped := func(why string) Profile {
		return Profile{Profile: judge.Profile{Results: []judge.Result{{ID: "pods/running", Verdict: judge.Fail, Message: "container c is waiting" + why}}}}
	}
	const late = " (CreateContainerConfigError): failed to sync secret cache: timed out waiting for the condition"
	notRunning := "pods/running (not-running)"
	for name, tc := range map[string]struct {
		row  Row
		want string
	}{
		"green":                      {Row{}, ""},
		"green but for one":          {Row{Unknown: c}, "unknown: c"},
		"killed, another not seen":   {Row{Want: one, Red: one, Unknown: c}, "unknown: c"},
		"not seen to be red":         {Row{Want: one, Unknown: []string{"a"}}, "unknown: a"},
		"survived":                   {Row{Want: one}, ""},
		"survived, another not seen": {Row{Want: one, Unknown: c}, ""},
		"false alarm, too":           {Row{Red: one, Unknown: c}, ""},
		"the kubelet was late":       {Row{Want: one, Red: []string{notRunning}, Profile: stopped(late)}, "the kubelet was late: container c is waiting" + late},
		"it does not run":            {Row{Want: one, Red: []string{notRunning}, Profile: stopped(" (CrashLoopBackOff)")}, ""},
		"it is not to run":           {Row{Want: []string{notRunning}, Red: []string{notRunning}, Profile: stopped(late)}, ""},
		"another diagnosis":          {Row{Want: one, Red: []string{"a (z)"}, Unknown: c}, ""},
		"had to be unknown":          {Row{WantUnknown: c, Unknown: []string{"d"}}, ""},
		"a bug of ours":              {Row{Unknown: c, Profile: Profile{Profile: judge.Profile{Bugs: c}}}, ""},
		"trouble":                    {Row{Unknown: c, Profile: Profile{Trouble: "no node"}}, ""},
	} {
		if got := tc.row.Unseen(); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// matrix is one with a killed mutant, a survivor and a green profile.
func matrix() *Matrix {
	row := func(mutant string, want []string, verdicts ...judge.Verdict) Row {
		p := run(verdicts...).Profiles[0]
		p.Mutant = mutant
		r := Row{Profile: p, Want: want}
		for _, res := range p.Results {
			if res.Verdict == judge.Fail {
				r.Red = append(r.Red, res.ID+" ("+res.Code+")")
			}
		}
		return r
	}
	m := &Matrix{Run: run(judge.Fail), Rows: []Row{
		row("typo", []string{"x/fail (refused)"}, judge.Pass, judge.Fail, judge.Blocked),
		row("pipe|d", []string{"x/blocked (gone)"}, judge.Pass),
		row("", nil, judge.Pass),
	}}
	m.Run.Close(nil, began)
	m.Close(began)
	return m
}

func TestMatrixShowsWhatEachMutantDid(t *testing.T) {
	m := matrix()
	m.Rows[0].Reverse, m.Rows[2].Again = "shop", "unknown: x/pass"
	var console, md bytes.Buffer
	Console{W: &console}.Matrix(m)
	MarkdownMatrix(&md, m)
	for _, want := range []string{"shop/typo       0  killed: x/fail (refused)", "WRONG: survived: x/blocked (gone)", "shop            0  green: - (recorded twice; the first time unknown: x/pass)", "checks without a mutant: x/pass, x/blocked", "2 passed, 1 failed"} {
		if !strings.Contains(console.String(), want) {
			t.Errorf("%q is not in\n%s", want, console.String())
		}
	}
	if !strings.HasSuffix(console.String(), "\n2 passed, 1 failed, 0 skipped\nshop/pipe|d: survived: x/blocked (gone)\n") {
		t.Errorf("the last line does not say what is wrong:\n%s", console.String())
	}
	// The grid: the name of the one check that hurts stands upright above its column.
	if !strings.Contains(console.String(), "             x\n             /\n             f\n") || !strings.Contains(console.String(), "shop/typo    X\n") {
		t.Errorf("no grid in\n%s", console.String())
	}
	for _, want := range []string{"| shop/typo | x/fail (refused) | x/fail (refused) | killed | shop | 0 |", `| shop/pipe\|d | x/blocked (gone) | - | WRONG: survived: x/blocked (gone) |  | 0 |`, "| shop | all green | - | green (recorded twice; the first time unknown: x/pass) |  | 0 |", "1. `x/fail`", "| shop/typo | X |", "| `x/fail` | typo |"} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("%q is not in\n%s", want, md.String())
		}
	}
}

func TestMatrixFiles(t *testing.T) {
	dir, err := NewDir(t.TempDir(), began)
	if err != nil {
		t.Fatal(err)
	}
	if err = WriteMatrix(dir, matrix()); err != nil {
		t.Fatal(err)
	}
	var back Matrix
	data, err := os.ReadFile(filepath.Join(dir, "matrix.json"))
	if err == nil {
		err = json.Unmarshal(data, &back)
	}
	if err != nil || len(back.Rows) != 3 || !back.Rows[0].Right || back.Rows[1].Right || back.Killers["x/fail"][0] != "typo" {
		t.Errorf("matrix.json reads back as %+v, %v", back, err)
	}
	for file, holds := range map[string]string{"matrix.md": "# Kill matrix", "exit": "1 fail", "junit.xml": `<failure type="kill-matrix"`} {
		if data, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.Contains(string(data), holds) {
			t.Errorf("%s: %v\n%s", file, err, data)
		}
	}
}

// Who reads only the JUnit file learns, too, that a workload was recorded twice, and why.
func TestJUnitSaysWhatWasRecordedTwice(t *testing.T) {
	const property = `<property name="recorded-twice" value="the first time unknown: x/pass"></property>`
	m := matrix()
	m.Rows[2].Profile.Again = "unknown: x/pass"
	m.Close(began)
	m.Run.Profiles = []Profile{m.Rows[2].Profile}
	var kills, run bytes.Buffer
	if err := m.junit(&kills, m.Run); err != nil {
		t.Fatal(err)
	}
	if err := JUnit(&run, m.Run); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"kill matrix": kills.String(), "run": run.String()} {
		if n := strings.Count(text, property); n != 1 {
			t.Errorf("%s: %d cases say it, want 1:\n%s", name, n, text)
		}
	}
	if i, j := strings.Index(kills.String(), property), strings.Index(kills.String(), `name="shop"`); j < 0 || i < j {
		t.Errorf("it stands with another workload:\n%s", kills.String())
	}
}
