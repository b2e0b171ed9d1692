package run

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/reports"
)

// step sets the environment of a step, and returns the paths of its summary and of its outputs.
func step(t *testing.T) (summary, outputs string) {
	t.Helper()
	dir := t.TempDir()
	summary, outputs = filepath.Join(dir, "summary"), filepath.Join(dir, "outputs")
	t.Setenv("GITHUB_ACTIONS", "true")
	t.Setenv("GITHUB_STEP_SUMMARY", summary)
	t.Setenv("GITHUB_OUTPUT", outputs)
	return summary, outputs
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestNothingIsPublishedElsewhere(t *testing.T) {
	summary, _ := step(t)
	t.Setenv("GITHUB_ACTIONS", "")
	var out bytes.Buffer
	BeginGitHub(&out).Publish(reports.GitHub{Annotations: "::error::x\n", Summary: "x"})
	if _, err := os.Stat(summary); err == nil || out.Len() > 0 {
		t.Errorf("printed %q, summary: %v", out.String(), err)
	}
}

// What is printed in between cannot be a command; the annotations are.
func TestPublish(t *testing.T) {
	summary, outputs := step(t)
	put(t, summary, "of a command before\n")
	var out bytes.Buffer
	g := BeginGitHub(&out)
	out.WriteString("::add-mask::evidence\n")
	g.Publish(reports.GitHub{Annotations: "::error::x\n", Summary: "## s\n", Outputs: "verdict=fail\n"})
	lines := strings.Split(out.String(), "\n")
	token, stops := strings.CutPrefix(lines[0], "::stop-commands::")
	if !stops || len(token) < 20 || lines[2] != "::"+token+"::" || lines[3] != "::error::x" {
		t.Errorf("%q", out.String())
	}
	if got := read(t, summary); got != "of a command before\n## s\n" {
		t.Errorf("summary %q", got)
	}
	if got := read(t, outputs); got != "verdict=fail\n" {
		t.Errorf("outputs %q", got)
	}
}

// GitHub shows nothing of a summary of more than a mebibyte: ours is cut so that it stays below, whatever is there already.
func TestASummaryIsCut(t *testing.T) {
	for _, before := range []int{0, 1000, summaryLimit - 10} {
		summary, _ := step(t)
		put(t, summary, strings.Repeat("-", before))
		var out bytes.Buffer
		BeginGitHub(&out).Publish(reports.GitHub{Summary: strings.Repeat("é", summaryLimit)})
		got := read(t, summary)
		if before == summaryLimit-10 {
			if len(got) != before {
				t.Errorf("%d bytes, and %d were there", len(got), before)
			}
			continue
		}
		if len(got) > summaryLimit || !strings.HasSuffix(got, cut) || strings.Contains(got, "\uFFFD") {
			t.Errorf("after %d bytes: %d, ending in %q", before, len(got), got[len(got)-20:])
		}
	}
}

func TestPublishSaysWhatItCannotWrite(t *testing.T) {
	summary, _ := step(t)
	if err := os.Mkdir(summary, 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	BeginGitHub(&out).Publish(reports.GitHub{Summary: "x"})
	if !strings.Contains(out.String(), "GitHub Actions does not get everything") {
		t.Errorf("%q", out.String())
	}
}
