package judge_test

import (
	"fmt"
	"testing"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/recordingtest"
	"meshproof.dev/meshproof/e2e/view"
)

// BenchmarkJudge judges a recording of a large mesh by all checks: a thousand nodes are to take a second at most, and a
// pair as long among a thousand as among a hundred.
func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{100, 300, 1000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			v := sparse(b, n)
			b.ReportAllocs()
			for b.Loop() {
				anew(v)
				p := judge.Judge("dns-a", []judge.Scenario{{Name: "formation", View: v}}, rules.All())
				if code := p.ExitCode(); code != 0 {
					b.Fatalf("exit code %d: %s", code, p.FirstBroken().Message)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n*(n-1)), "ns/pair")
		})
	}
}

// BenchmarkChecks judges it by one check at a time.
func BenchmarkChecks(b *testing.B) {
	const n = 1000
	v := sparse(b, n)
	for _, c := range rules.All() {
		if c.Scenario != "formation" {
			continue
		}
		b.Run(fmt.Sprintf("%s/nodes=%d", c.ID, n), func(b *testing.B) {
			for b.Loop() {
				anew(v)
				c.Judge(v)
			}
		})
	}
}

// anew makes the view forget what it was asked before.
func anew(v *view.View) { v.Apply(recording.Event{By: "run", Beat: &recording.Beat{}}) }

// sparse is the view of a mesh of n nodes that was looked at as seldom as it may be.
func sparse(b *testing.B, n int) *view.View {
	b.Helper()
	h, events := recordingtest.Sparse(n)
	v, err := view.New(h)
	if err != nil {
		b.Fatal(err)
	}
	for e := range events {
		v.Apply(e)
	}
	return v
}
