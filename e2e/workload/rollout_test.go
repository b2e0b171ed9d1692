package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// beside writes a profile that takes the manifests of dns-a, with a patch of its next version.
func beside(t *testing.T, patch string) string {
	t.Helper()
	dir, err := filepath.Abs("../../fixtures/profiles/dns-a")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, text := range map[string]string{"next.yaml": patch, "profile.yaml": `apiVersion: meshproof.dev/v1alpha1
kind: Profile
metadata: {name: next}
spec:
  manifests: [` + dir + `/deployment.yaml, ` + dir + `/service.yaml, ` + dir + `/secret.yaml]
  cookie: {secretKeyRef: {name: derl, key: cookie}}
  rollout: [next.yaml]
`} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const head = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: derl}\nspec: "

func TestRollsAreTheWorkloadsWithAnotherTemplate(t *testing.T) {
	w, err := Load("", beside(t, head+`{template: {metadata: {annotations: {v: "2"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	rolls, err := w.Rolls("ns", nil)
	if err != nil || len(rolls) != 1 || rolls[0].Kind+" "+rolls[0].Name != "Deployment derl" {
		t.Errorf("%v, %v", rolls, err)
	}
	if len(w.Resolved.Rollout) != 1 || w.Resolved.Rollout[0] != "Deployment/derl" {
		t.Errorf("resolved: %q", w.Resolved.Rollout)
	}
	if a, ok := rolls[0].template.(map[string]any); !ok || dict(dict(a["metadata"])["annotations"])["v"] != "2" {
		t.Errorf("the template is %v", rolls[0].template)
	}
}

func TestARolloutThatIsNoneIsSaid(t *testing.T) {
	for name, c := range map[string]struct{ patch, says string }{
		"nothing":        {head + "{replicas: 3}", "the rollout changes nothing"},
		"more":           {head + "{replicas: 5}", "the rollout changes other fields of Deployment derl; it can change only the pod template"},
		"something else": {"apiVersion: v1\nkind: Secret\nmetadata: {name: derl}\nstringData: {cookie: x}", "the rollout changes Secret derl"},
		"nobody":         {strings.Replace(head, "derl", "shop", 1) + "{template: {metadata: {annotations: {v: '2'}}}}", "shop"},
		"no yaml":        {"{", "next.yaml"},
	} {
		_, err := Load("", beside(t, c.patch))
		if err == nil || !strings.Contains(err.Error(), c.says) || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%s: %v, code %d", name, err, exitcode.Of(err))
		}
	}
}
