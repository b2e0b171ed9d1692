package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/reports/picture"
)

// What the application lost is said in all that people read.
func TestWhatTheApplicationFelt(t *testing.T) {
	felt := []picture.Felt{
		{What: "message", Pairs: 6, Lost: 2, Messages: 17, Longest: 1523 * time.Millisecond, From: "derl-a", To: "derl@10.244.0.7"},
		{What: "pg", Pairs: 6},
		{What: "global", Ended: true, Pairs: 4, Lost: 4, NotBack: 4, Longest: 3 * time.Second, From: "derl-b", To: "derl@10.244.0.8", Open: true},
	}
	p := Profile{Profile: judge.Profile{Name: "dns-a"}, Pictures: []*picture.Picture{{Scenario: "recovery", Felt: felt}, {Scenario: "formation", Felt: felt[1:2]}, {Scenario: "console"}}}
	var console, quiet, summary, page bytes.Buffer
	Console{W: &console, Verbose: true}.Profile(p)
	Console{W: &quiet}.Profile(p)
	Summary(&summary, &Run{Profiles: []Profile{p}})
	if err := HTML(&page, &Run{Profiles: []Profile{p}}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"what the application felt in recovery, on pairs of nodes:",
		"lost answers to messages between nodes that stayed: 2 of 6; longest 1.5 s, derl-a of derl@10.244.0.7; 17 messages without an answer\n",
		"lost names in global with a node that ended: 4 of 4, 4 not back; longest 3.0 s, derl-b of derl@10.244.0.8, not back at the end\n",
	} {
		if !strings.Contains(console.String(), line) {
			t.Errorf("the console does not say %q:\n%s", line, console.String())
		}
	}
	if want := "what the application felt in formation, on pairs of nodes:\n    lost nothing between nodes that stayed: 0 of 6\n"; !strings.Contains(console.String(), want) || strings.Contains(console.String(), "pg group") {
		t.Errorf("the console does not say %q:\n%s", want, console.String())
	}
	if strings.Contains(quiet.String(), "felt") {
		t.Errorf("said without -v:\n%s", quiet.String())
	}
	if row := "| dns-a, recovery | answers to messages | between nodes that stayed | 2 of 6 | 1.5 s, derl-a of derl@10.244.0.7 | 17 |\n"; !strings.Contains(summary.String(), row) {
		t.Errorf("the summary does not have %q:\n%s", row, summary.String())
	}
	if row := `<th scope="row">answers to messages</th><td>between nodes that stayed</td><td>2 of 6</td><td>1.5 s, derl-a of derl@10.244.0.7</td><td class="num">17</td>`; !strings.Contains(page.String(), row) {
		t.Errorf("the page does not have %q", row)
	}
	// Of several profiles, only what was lost although nothing ended.
	summary.Reset()
	Summary(&summary, &Run{Profiles: []Profile{p, p}})
	if n := strings.Count(summary.String(), "between nodes that stayed"); n != 2 {
		t.Errorf("%d rows, want 2:\n%s", n, summary.String())
	}
}
