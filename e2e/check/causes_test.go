package check

import (
	"slices"
	"testing"
)

// A pattern stands for what comes later: no cause names itself, nor what is below it.
func TestLinkCauses(t *testing.T) {
	all := []Check{
		{ID: "epmd/a"},
		{ID: "epmd/b", Causes: map[string][]string{"closed": {"mesh/full", "epmd/*", "dist/port-*"}, "odd": nil}},
		{ID: "epmd/c"},
		{ID: "dist/port-a"},
		{ID: "dist/other"},
		{ID: "mesh/full"},
	}
	LinkCauses(all)
	if got, want := all[1].Causes["closed"], []string{"dist/port-a", "epmd/c", "mesh/full"}; !slices.Equal(got, want) {
		t.Errorf("closed explains %v, want %v", got, want)
	}
	if got := all[1].Causes["odd"]; len(got) > 0 {
		t.Errorf("odd explains %v", got)
	}
}

func TestFromIsARungAndThoseAboveIt(t *testing.T) {
	if got, want := From(Recovery, "discovery/alive"), []string{"discovery/alive", "recovery/*", "rollout/*", "application/*", "console/*"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
