package main

import (
	"strings"
	"testing"
)

// What --print-rbac prints is YAML and nothing else, and no cluster is asked for it.
func TestPrintRBAC(t *testing.T) {
	t.Setenv("KUBECONFIG", "/does/not/exist")
	output, code, _ := meshproof(t, "run", "--print-rbac", "-n", "shop", "-f", "kube-api")
	for _, says := range []string{
		"# What meshproof run --namespace shop needs.", "\nkind: Role\nmetadata: {name: meshproof, namespace: \"shop\"}\n",
		"\n- {apiGroups: [\"rbac.authorization.k8s.io\"], resources: [\"roles\"], verbs: [\"create\", \"get\", \"list\", \"delete\"]}\n", "\nkind: RoleBinding\n", "name: SUBJECT}\n",
	} {
		if code != 0 || !strings.Contains(output, says) {
			t.Errorf("%d: it does not say %q:\n%s", code, says, output)
		}
	}
	if !strings.HasPrefix(output, "# What meshproof run") || strings.Contains(output, "results:") {
		t.Errorf("something else is printed, too:\n%s", output)
	}
	if output, code, _ = meshproof(t, "run", "--print-rbac"); code != 0 || !strings.Contains(output, "\nkind: ClusterRole\nmetadata: {name: meshproof}\n") {
		t.Errorf("%d:\n%s", code, output)
	}
}
