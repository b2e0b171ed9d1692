package view_test

import (
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// A run without agents ends its scenarios when all is seen that can be seen, and does not wait for what cannot.
func TestScenariosEndWithoutAgents(t *testing.T) {
	load := func(name string) *view.View {
		v, err := view.Load(filepath.Join("..", "..", "fixtures", "recordings", "no-agents", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	formation, recovery := load("formation"), load("recovery")
	if ok, lacks := formation.Formed(); !ok {
		t.Errorf("formed: %s", lacks)
	}
	if ok, lacks := recovery.Recovered(); !ok {
		t.Errorf("recovered: %s", lacks)
	}
	if why := formation.Unseen(recording.AnAgent); !strings.Contains(why, "enabling hostPID") {
		t.Errorf("why there is no agent: %q", why)
	}
	if why := formation.Unseen(string(recording.KindNodes)); why != "" {
		t.Errorf("views are unseen: %s", why)
	}
	for _, p := range formation.Pods() {
		if by := p.AgentOf(); by != recording.ByAPI {
			t.Errorf("%s is observed by %s", p.Name, by)
		}
	}
	ordinary, err := view.Load(filepath.Join("..", "..", "fixtures", "recordings", "dns-a", "formation.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if why := ordinary.Unseen(string(recording.KindDNS)); why != "" || !strings.HasPrefix(ordinary.Pods()[0].AgentOf(), "agent/") {
		t.Errorf("with agents: %q, %s", why, ordinary.Pods()[0].AgentOf())
	}
}
