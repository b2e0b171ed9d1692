package run

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/reports/picture"
)

// Scenarios that a mesh recovers from are repeated with one mesh: it forms once, and each repetition has its own results and recordings.
func TestScenariosAreRepeatedWithOneMesh(t *testing.T) {
	d, _ := under(t, func(recording.Event) bool { return true })
	d.r.options.Repeat, d.r.options.Scenarios = 3, []scenario.Name{"recovery"}
	if err := d.record(t); err != nil {
		t.Fatal(err)
	}
	last, err := d.r.result(nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range append(d.r.earlier, last) {
		got = append(got, strings.Join(p.Recordings, " "))
		if len(p.Results) == 0 || !slices.ContainsFunc(p.Pictures, func(pic *picture.Picture) bool { return pic.Scenario == "recovery" }) {
			t.Errorf("repetition %d has %d results and %d pictures", p.Nth, len(p.Results), len(p.Pictures))
		}
	}
	want := []string{
		"recordings/dns-a.formation.jsonl recordings/dns-a--1.recovery.jsonl",
		"recordings/dns-a--2.recovery.jsonl",
		"recordings/dns-a--3.recovery.jsonl",
	}
	if !slices.Equal(got, want) || d.r.earlier[1].Nth != 2 || last.Nth != 3 {
		t.Errorf("recorded are %q, want %q", got, want)
	}
}

// What cannot be repeated with one mesh, and a run without named scenarios, begins anew each time.
func TestWhichRepetitionsShareAMesh(t *testing.T) {
	for _, c := range []struct {
		repeat int
		named  []scenario.Name
		want   bool
	}{
		{20, []scenario.Name{"recovery"}, true}, {20, []scenario.Name{"recovery", "container-kill"}, true}, {0, []scenario.Name{"recovery"}, false},
		{20, nil, false}, {20, []scenario.Name{"recovery", "rollout"}, false}, {20, []scenario.Name{"formation"}, false}, {20, []scenario.Name{"no-such"}, false},
	} {
		if got := (&Options{Repeat: c.repeat, Scenarios: c.named}).OneMesh(); got != c.want {
			t.Errorf("%d times %v: %v", c.repeat, c.named, got)
		}
	}
}
