package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check/rules"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestHostNetwork(t *testing.T) {
	try(t, "manifest/host-network", slices.Concat([]trial{
		{"shared", podField(`"hostNetwork":true`), fails("shared", "Deployment derl", "4369")},
	}, unreadable()))
}

// Where nothing was deployed there is no namespace, and a command that names none works all the same.
func TestTryWithoutNamespace(t *testing.T) {
	s := rt.Formation(3)
	podField(`"hostNetwork":true`)(s)
	v := fold(t, s)
	v.Header.Namespace = ""
	for _, c := range rules.All() {
		if c.ID != "manifest/host-network" {
			continue
		}
		if f := c.Judge(v)[0]; f.Try != "kubectl get deployment derl -o yaml" {
			t.Errorf("it says to try %q", f.Try)
		}
	}
}
