package reports

import (
	"errors"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
)

func summaryOf(r *Run) string {
	var b strings.Builder
	Summary(&b, r)
	return b.String()
}

func TestSummaryBeginsWithWhatIsWrong(t *testing.T) {
	r := run(judge.Pass, judge.Fail, judge.Unknown, judge.Skip, judge.Blocked, judge.Waived, judge.Advised)
	r.Profiles[0].Recordings = []string{"recordings/shop.formation.jsonl"}
	r.Profiles[0].Trouble = "no pod was seen"
	r.Profiles[0].Notes = []string{"CRD x is skipped"}
	r.Provenance = Provenance{Kubernetes: "v1.37.2", Nodes: 1, OTP: []string{"27"}}
	r.Leftovers = stuck()
	r.Close(nil, began)
	got := summaryOf(r)
	rest := got
	for _, want := range []string{
		"## meshproof: fail (exit 1)\n",
		"- **shop: first broken rung: (x/fail)**. seen: 5 &lt; 6 &amp; \"more\". Remedy: open it\n",
		"1 passed, 3 failed, 4 skipped; 0 s; Kubernetes v1.37.2; 1 node; OTP 27\n",
		"| rung | passed | failed | unknown | blocked | advice | skipped |\n|---|--:|--:|--:|--:|--:|--:|\n|  | 1 | 1 | 1 | 1 | 1 | 2 |\n",
		"**FAIL** shop: x/fail\n\n    does what it should\n      shop-1 is shut\n        seen: RST\n        remedy: open it\n        try: kubectl get\n",
		"**UNKNOWN** shop: x/unknown\n",
		"shop, trouble: no pod was seen\n",
		"shop, note: CRD x is skipped\n",
		"| namespace shop-1 | phase Terminating; Some content in the namespace has finalizers remaining | kubectl --context prod delete namespace shop-1 |\n",
		"- recordings/shop.formation.jsonl\n",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("there is no %q, or not at its place, in\n%s", want, got)
		}
		rest = after
	}
}

func TestSummaryOfSeveralProfilesHasARowForEach(t *testing.T) {
	got := summaryOf(closed(nil, many("a", judge.Pass, 2), many("b", judge.Fail, 1)))
	if !strings.Contains(got, "| a | 2 | | | | | |\n| b | | 1 | | | | |\n") || !strings.Contains(got, "| r | 2 | 1 | | | | |\n") {
		t.Errorf("%s", got)
	}
}

func TestSummaryOfTrouble(t *testing.T) {
	got := summaryOf(closed(exitcode.With(exitcode.Unavailable, errors.New("no <engine>\nmore"))))
	if want := "## meshproof: unavailable (exit 69)\n\nunavailable: no &lt;engine> more\n\n"; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q first", got, want)
	}
}

// What the tested application printed stays text: it makes no picture, no link, no table and no heading.
func TestSummaryIsEscaped(t *testing.T) {
	p := many("a", judge.Fail, 1)
	evil := "x\n# H ![p](https://e.example/p) <img src=y> | `z` \x1b[1m"
	p.Results[0].Message, p.Results[0].Subjects[0].Message, p.Results[0].Subjects[0].Seen, p.Notes = evil, evil, []string{evil}, []string{evil}
	for line := range strings.Lines(summaryOf(closed(nil, p))) {
		if strings.HasPrefix(line, "    ") {
			if strings.Contains(line, "\x1b") {
				t.Errorf("%q", line)
			}
			continue // a block of code
		}
		if strings.HasPrefix(line, "# ") || strings.Contains(line, "https://") || strings.Contains(line, "![") || strings.Contains(line, "<img") || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
}
