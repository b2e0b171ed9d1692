package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/view"
)

// soaked are runs of one profile with these verdicts, a run each.
func soaked(verdicts ...judge.Verdict) (all []Profile) {
	for i, v := range verdicts {
		p := run(judge.Pass, v).Profiles[0]
		p.Nth = i + 1
		all = append(all, p)
	}
	return all
}

// held is what a process says every ten seconds, of which it holds more by each in all.
func held(by string, n int, memory, descriptors float64) (all []view.Held) {
	for i := range n {
		at := float64(i) / float64(n)
		all = append(all, view.Held{By: by, At: began.Add(time.Duration(10*i) * time.Second), Memory: 64<<20 + int64(memory*at), Descriptors: 20 + int(descriptors*at), Threads: 12})
	}
	return all
}

func TestASoakCountsItsRuns(t *testing.T) {
	runs := soaked(judge.Pass, judge.Fail, judge.Pass, judge.Unknown, judge.Fail, judge.Skip, judge.Pass, judge.Unknown, judge.Pass)
	runs[6].Trouble = "interrupted"
	runs[7].Trouble = "interrupted" // and what it did not see was not tried
	runs[8].Bugs = []string{"x/pass: panic"}
	other := soaked(judge.Pass)[0]
	other.Mutant = "cut"
	s := NewSoak(append(runs, other), nil)
	if len(s.Profiles) != 2 || s.Profiles[1].Name != "shop/cut" || s.Profiles[1].Green != 1 {
		t.Fatalf("%+v", s.Profiles)
	}
	p := s.Profiles[0]
	if p.Name != "shop" || p.Asked != 9 || p.Green != 3 || p.Red != 2 || p.Unknown != 1 || p.Broken != 3 || p.Share != 0.5 {
		t.Errorf("%+v", p)
	}
	want := []SoakCheck{{"x/fail", "formation", judge.Fail, 2, "shop#2", runs[1].Results[1].Message}, {"x/unknown", "formation", judge.Unknown, 1, "shop#4", runs[3].Results[1].Message}}
	if fmt.Sprint(p.Flakes) != fmt.Sprint(want) {
		t.Errorf("%+v", p.Flakes)
	}
	if fmt.Sprint(p.Trouble) != "[shop#7: interrupted shop#8: interrupted shop#9: x/pass: panic]" {
		t.Errorf("%q", p.Trouble)
	}
}

// The limits are those that others' tables have.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{0, 0, 0, 1}, {0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {50, 50, 0.9287, 1}, {49, 50, 0.8950, 0.9965}, {5, 10, 0.2366, 0.7634}, {100, 100, 0.9630, 1}} {
		if low, high := wilson(c.k, c.n); math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f", c.k, c.n, low, high)
		}
	}
}

func TestALeakIsOurFault(t *testing.T) {
	flat := NewSoak(soaked(judge.Pass), append(held("kube", 60, 0, 0), held("agent/a", 60, 8<<20, 4)...))
	if err := flat.Leaks(); err != nil {
		t.Errorf("flat: %v", err)
	}
	if len(flat.Processes) != 2 || flat.Processes[0].Process != "agent/a" || flat.Processes[1].Process != "harness" {
		t.Fatalf("%+v", flat.Processes)
	}
	leaking := NewSoak(soaked(judge.Pass), append(held("kube", 60, 0, 0), held("agent/a", 60, 200<<20, 100)...))
	err := leaking.Leaks()
	if exitcode.Of(err) != exitcode.Internal {
		t.Fatalf("%v", err)
	}
	for _, says := range []string{"agent/a: memory, MiB: the median of the first half is 112 and of the second 212, and within the second it rises by 97; more than 32 is a leak", "agent/a: descriptors: "} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not in %q", says, err)
		}
	}
	if strings.Contains(err.Error(), "harness") || strings.Contains(err.Error(), "threads") {
		t.Errorf("what did not grow: %v", err)
	}
	short := NewSoak(soaked(judge.Pass), held("agent/a", 5, 900<<20, 900))
	if err := short.Leaks(); err != nil || short.Processes[0].Memory.Known {
		t.Errorf("five samples: %v", err)
	}
}

// All that a run writes says the same of a soak, and of each of its runs what it says of any.
func TestASoakInAllReports(t *testing.T) {
	r := &Run{Started: began, Profiles: soaked(judge.Pass, judge.Fail, judge.Fail, judge.Fail, judge.Fail, judge.Unknown)}
	r.Soak = NewSoak(r.Profiles, held("kube", 60, 0, 0))
	r.Close(errors.Join(r.Soak.Leaks()), began.Add(time.Minute))
	if r.Exit.Code != exitcode.Fail || r.Trouble != "" {
		t.Errorf("%+v %q", r.Exit, r.Trouble)
	}
	var console, summary, junit, data, html bytes.Buffer
	Console{W: &console}.Run(r)
	Summary(&summary, r)
	if err := errors.Join(JUnit(&junit, r), JSON(&data, r), HTML(&html, r)); err != nil {
		t.Fatal(err)
	}
	for where, c := range map[string]struct {
		text string
		says []string
	}{
		"console": {console.String(), []string{
			"\nshop#2\n", "\nshop#4\n", "\n2 runs more did not pass, in the report\n",
			"shop                             6      1     4        1       0  16.7 % (3.0 to 56.4 %)\n",
			"  FAIL     x/fail                          in 4 runs, first shop#2: seen: 5 < 6",
			"harness memory, MiB      64     64     64       64       64      0     32  no growth\n",
		}},
		"summary": {summary.String(), []string{"| shop | 6 | 1 | 4 | 1 | 0 | 16.7 % (3.0 to 56.4 %) |", "fail in 4 runs: **x/fail**, first shop#2", "| harness | threads | 12 | 12 | 12 | 12 | 12 | 0 | 16 | no growth |"}},
		"junit":   {junit.String(), []string{`name="shop#2 formation"`, `<property name="shop" value="6 asked, 1 green, 4 red, 1 unknown, 0 broken; green 16.7 % (3.0 to 56.4 %)">`, `name="harness descriptors"`}},
		"page":    {html.String(), []string{"6 asked, 1 green, 4 red, 1 unknown, 0 broken; green 16.7 % (3.0 to 56.4 %)", "harness threads"}},
		"json":    {data.String(), []string{`"nth": 6`, `"soak": {`, `"asked": 6`, `"process": "harness"`}},
	} {
		for _, says := range c.says {
			if !strings.Contains(c.text, says) {
				t.Errorf("the %s does not say %q:\n%s", where, says, c.text)
			}
		}
	}
	if strings.Contains(console.String(), "\nshop#5\n") {
		t.Errorf("more runs than three are printed in full:\n%s", console.String())
	}
	var again Run
	if err := json.Unmarshal(data.Bytes(), &again); err != nil || fmt.Sprintf("%+v", again.Soak) != fmt.Sprintf("%+v", r.Soak) {
		t.Errorf("%v: read again it is %+v", err, again.Soak)
	}
}

// A run that passed is one of many: the report keeps what it came to, and the page does not draw it.
func TestARunThatPassedIsShort(t *testing.T) {
	green, advised, red, early := soaked(judge.Pass)[0], soaked(judge.Advised)[0], soaked(judge.Fail)[0], soaked(judge.Pass)[0]
	early.Trouble = "interrupted"
	alone := run(judge.Pass).Profiles[0]
	for _, c := range []struct {
		p       Profile
		repeats bool
		left    int
	}{{green, true, 0}, {advised, true, 1}, {red, false, 1}, {early, false, 0}, {alone, false, 0}} {
		if c.p.Repeats() != c.repeats {
			t.Errorf("%s with %s: %v", title(c.p), c.p.Results[len(c.p.Results)-1].Verdict, !c.repeats)
		}
		c.p.Shorten()
		left := 0
		for _, r := range c.p.Results {
			left += len(r.Subjects)
		}
		if left != c.left || c.p.Results[0].Verdict != judge.Pass {
			t.Errorf("%s: %d subjects are left, not %d: what passed has none, everything else has all", title(c.p), left, c.left)
		}
	}
	r := &Run{Started: began, Profiles: soaked(judge.Pass, judge.Fail)}
	r.Soak = NewSoak(r.Profiles, nil)
	r.Close(nil, began.Add(time.Minute))
	if p := pageOf(r); len(p.Workloads) != 1 || p.Workloads[0].Name != "shop#2" || len(p.Rows) != 2 {
		t.Errorf("%d workloads, %d rows", len(p.Workloads), len(p.Rows))
	}
}

// What no run was judged of, and no process told, is not made up.
func TestASoakOfNothing(t *testing.T) {
	p := soaked(judge.Unknown)[0]
	p.Trouble = "no cluster"
	s := NewSoak([]Profile{p}, []view.Held{{By: "kube", At: began, Threads: 3}})
	var b bytes.Buffer
	s.text(&b)
	for _, says := range []string{"not known: no run was judged", "not told by its system", "not known: 1 in 0 s are too few", "trouble  shop#1: no cluster"} {
		if !strings.Contains(b.String(), says) {
			t.Errorf("it does not say %q:\n%s", says, b.String())
		}
	}
}
