package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// Words of one kind are alternatives, and a word that chooses nothing is an error.
func TestChoose(t *testing.T) {
	all := grid()
	for words, want := range map[string]int{
		"": len(all), "dns-a recovery": 4, "recovery": 7, "recovery container-kill ticktime=8": 4, "dns-a recovery ticktime=8 prevention=off": 1, "rabbitmq recovery": 1,
	} {
		some, err := choose(all, strings.Fields(words))
		if err != nil || len(some) != want {
			t.Errorf("%q chooses %d cells, %v; want %d", words, len(some), err, want)
		}
	}
	if _, err := choose(all, []string{"recoverry"}); err == nil || !strings.Contains(err.Error(), `"recoverry" is none of`) {
		t.Error(err)
	}
	files := map[string]bool{}
	for _, c := range all {
		one, err := choose(all, c.words())
		if err != nil || len(one) != 1 || one[0] != c || files[c.file()] {
			t.Errorf("%s chooses %v, %v, and has the file %s", c, one, err, c.file())
		}
		files[c.file()] = true
	}
}

// Each setting is a profile that can be loaded, and says so.
func TestProfilesOfCells(t *testing.T) {
	t.Chdir("../..")
	for _, c := range grid() {
		if c.Scenario != "recovery" {
			continue
		}
		path, err := c.profile(t.TempDir())
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		w, err := workload.Load("fixtures", path)
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if c.Ticktime == 0 {
			continue
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "deployment.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(text), "prevent_overlapping_partitions false"); got != (c.Prevention == "off") {
			t.Errorf("%s: prevention is off: %v", c, got)
		}
		if want := map[int]time.Duration{8: time.Minute, 60: 3 * time.Minute}[c.Ticktime]; w.Resolved.Budgets.Recovery.D() != want {
			t.Errorf("%s: recovery may take %s", c, w.Resolved.Budgets.Recovery)
		}
	}
}

// The page has what was measured, and the command of each cell that was not. What is there already is not measured again.
func TestThePage(t *testing.T) {
	dir := t.TempDir()
	c := cell{Profile: derl, Scenario: "recovery", Ticktime: 8, Prevention: "on", Want: 20}
	r := &result{cell: c, N: 20, Green: 19, Red: 1, Command: c.command(), Machine: "linux/amd64, 2 cores", Date: time.Unix(1796000000, 0).UTC(), Took: "3m0s", Revision: "abc", OTP: []string{"27"}, Phases: []reports.SoakPhase{
		{Scenario: "recovery", Phase: profile.NodeDown, N: 20, Median: 0, At: 1200 * time.Millisecond, Error: 12 * time.Millisecond, Budget: 15 * time.Second},
		{Scenario: "recovery", Phase: profile.PodReady, N: 20, Median: 1300 * time.Millisecond, Max: 1500 * time.Millisecond, Slowest: true},
		{Scenario: "recovery", Phase: profile.FullAgain, N: 20, Median: 2700 * time.Millisecond, P95: 3 * time.Second, Max: 4 * time.Second},
	}}
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	if back, err := read(dir, c); err != nil || back.N != 20 || back.Ticktime != 8 || back.Phases[1].Max != 1500*time.Millisecond {
		t.Errorf("%+v, %v", back, err)
	}
	page := filepath.Join(dir, "page.md")
	if err := writePage(dir, page); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| dns-a | recovery | 8 s | on | 20 | 1 | 1.20 s | - | 2.70 s (4.00 s) | 3.00 s | pod Ready, 1.30 s (1.50 s) |",
		"n = 20: 19 green, 1 red", "linux/amd64, 2 cores", "| nodedown | 20 | 0.00 s | 0.00 s | 0.00 s | ± 12 ms | 1.20 s | 15s | 0 |",
		"| dns-a recovery ticktime=8 prevention=off | 20 |", "`make recovery-table CELLS='rabbitmq recovery'`",
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	if strings.Contains(string(b), "| dns-a recovery ticktime=8 prevention=on | 20 |") {
		t.Error("what was measured is among what was not")
	}
}

// The page in docs is the one of the files beside it.
func TestThePageIsCurrent(t *testing.T) {
	t.Chdir("../..")
	again := filepath.Join(t.TempDir(), "page.md")
	if err := writePage(data, again); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != string(want) {
		t.Errorf("%s is not what the files in %s say (%v): make recovery-table ARGS=-list writes it", page, data, err)
	}
}
