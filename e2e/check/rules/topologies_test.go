package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

// What a profile means to be is healthy when it is so: no check is red or unknown.
func TestMeantTopologiesAreHealthy(t *testing.T) {
	for name, change := range map[string]func(s *rt.Recording){"a star": star, "alone": alone} {
		for _, c := range rules.All() {
			if c.Scenario == "console" {
				continue
			}
			s := healthy(c.Scenario, 3)
			change(s)
			for _, f := range c.Judge(fold(t, s)) {
				if f.Outcome != check.Pass && f.Outcome != check.NotApplicable {
					t.Errorf("%s: %s: %s: %s %s: %s", name, c.ID, f.Subject, f.Outcome, f.Code, f.Message)
				}
			}
		}
	}
}
