package profile

import (
	"strings"
	"testing"
	"time"
)

// A phase that does not exist would limit nothing: its name is an error with its line, and the nearest one.
func TestBudgetsOfPhases(t *testing.T) {
	p, err := Decode("p.yaml", []byte(strings.Replace(good, "recovery: 5m", "phases: {nodedown: 2s, pod Ready: 20s}", 1)))
	if err != nil || p.Spec.Budgets.Phases[NodeDown].D() != 2*time.Second {
		t.Fatalf("%v: %v", p, err)
	}
	if got := limits(p.Spec.Budgets.Phases); got != "nodedown 2s, pod Ready 20s" {
		t.Errorf("shown as %s", got)
	}
	_, err = Decode("p.yaml", []byte(strings.Replace(good, "recovery: 5m", "phases: {nodeDown: 2s}", 1)))
	if err == nil || !strings.Contains(err.Error(), `p.yaml:`) || !strings.Contains(err.Error(), `unknown phase "nodeDown"`) || !strings.Contains(err.Error(), "nodedown") {
		t.Errorf("%v", err)
	}
}
