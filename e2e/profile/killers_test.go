package profile

import (
	"maps"
	"os"
	"slices"
	"testing"
	"testing/fstest"
)

func TestKillersAreWhatMutantsExpect(t *testing.T) {
	killers, err := Killers(os.DirFS("../../fixtures/mutants"))
	if err != nil {
		t.Fatal(err)
	}
	if got := killers[Expect{"service/headless", "not-headless"}]; !slices.Contains(got, "cluster-ip") {
		t.Errorf("service/headless (not-headless) is expected by %q", got)
	}
	if _, err = Killers(fstest.MapFS{"odd/mutant.yaml": {Data: []byte("kind: Mutant\n")}}); err == nil {
		t.Error("a mutant that cannot be read is passed over")
	}
	if killers, err = Killers(fstest.MapFS{}); err != nil || len(killers) > 0 {
		t.Errorf("without a mutant: %v, %v", slices.Collect(maps.Keys(killers)), err)
	}
}
