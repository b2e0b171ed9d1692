package rules_test

import (
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// BenchmarkChecks judges a recording of three nodes over a minute: each check is to take a millisecond at most.
func BenchmarkChecks(b *testing.B) {
	formation := fold(b, rt.FormationUntil(3, time.Minute))
	never := rt.FormationUntil(3, time.Minute)
	blind(never, 0, 2, 0)
	apart := fold(b, never)
	recovery := fold(b, rt.RecoveryUntil(3, rt.Before+time.Minute))
	console := fold(b, rt.Console(3))
	for _, c := range rules.All() {
		switch c.Scenario {
		case "formation":
			b.Run(c.ID+"/full", func(b *testing.B) {
				for b.Loop() {
					c.Judge(formation)
				}
			})
			b.Run(c.ID+"/never-full", func(b *testing.B) {
				for b.Loop() {
					c.Judge(apart)
				}
			})
		case "recovery":
			b.Run(c.ID, func(b *testing.B) {
				for b.Loop() {
					c.Judge(recovery)
				}
			})
		default:
			b.Run(c.ID, func(b *testing.B) {
				for b.Loop() {
					c.Judge(console)
				}
			})
		}
	}
}

// BenchmarkFold makes a view of the same recording.
func BenchmarkFold(b *testing.B) {
	s := rt.FormationUntil(3, time.Minute)
	b.ReportMetric(float64(len(s.Events)), "events")
	for b.Loop() {
		fold(b, s)
	}
}
