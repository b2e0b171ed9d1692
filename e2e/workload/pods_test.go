package workload

import "testing"

// The pods under test are those of the workloads, in each version. What is required beside them makes no agent necessary.
func TestPodsUnderTest(t *testing.T) {
	for name, want := range map[string]int{"dns-a": 1, "rollout": 2} {
		w, err := Load("../../fixtures", name)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(w.Pods()); got != want {
			t.Errorf("%s: %d pod templates, want %d", name, got, want)
		}
	}
	_, w, _, err := LoadMutant("../../fixtures", "foreign-application")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range w.Pods() {
		if p.Containers[0].Name != "derl" {
			t.Errorf("container %s is required, not under test", p.Containers[0].Name)
		}
	}
	w, err = Load("", beside(t, head+`{template: {spec: {nodeSelector: {pool: next}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if all := w.Pods(); len(all) != 2 || len(all[0].NodeSelector) != 0 || all[1].NodeSelector["pool"] != "next" {
		t.Errorf("of the next version: %+v", all)
	}
}
