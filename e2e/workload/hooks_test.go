package workload

import (
	"slices"
	"strings"
	"testing"
)

func TestHooksThatInstallNothingAreLeftOut(t *testing.T) {
	hook := func(name, hooks string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", annotations: {helm.sh/hook: \"" + hooks + "\"}}\n"
	}
	w := mustLoad(t, tree(t, map[string]string{
		"profile.yaml": strings.Replace(profileText, "[m.yaml]", "[m.yaml, tests.yaml]", 1),
		"m.yaml":       secretText + "---\n" + deployment("x", "app: x") + "---\n" + hook("first", "pre-install, pre-upgrade") + "---\n" + hook("last", "pre-delete"),
		"tests.yaml":   hook("tests", "test") + "---\n" + strings.Replace(deployment("node", "app: x"), "{name: node}", "{name: node, annotations: {helm.sh/hook: test-success}}", 1),
	}))
	y := yamlOf(t)(w.Render("", nil))
	for name, there := range map[string]bool{"first": true, "last": false, "tests": false, "node": false} {
		if strings.Contains(y, "name: "+name+"\n") != there {
			t.Errorf("%s is there: %v", name, !there)
		}
	}
	if len(w.Resolved.Workloads) != 1 {
		t.Errorf("the workloads are %+v", w.Resolved.Workloads)
	}
	notes := w.Notes()
	if want := "Pod tests is skipped: it is a helm hook for test, which an installation does not create"; len(notes) != 3 || !slices.Contains(notes, want) {
		t.Errorf("the notes are %q", notes)
	}
}
