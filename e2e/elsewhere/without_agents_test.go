package elsewhere

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// Where a cluster refuses our agents, a run goes on: a healthy mesh is seen, a broken one is red, and what only an agent sees is unknown
// or, on request, accepted.
func TestWithoutAgents(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root, "without")
	t.Run("Pod Security restricted", func(t *testing.T) {
		c.namespace(t, "team")
		enforce := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
		if _, err := c.client.CoreV1().Namespaces().Patch(t.Context(), "team", types.MergePatchType, enforce, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		output := p.run(t, nil, 2, append([]string{"run", "-f", "dns-a", "-n", "team"}, c.on()...)...)
		says(t, output, `violates PodSecurity "restricted:latest"`, "checks that apply: there is no agent")
		passes(t, output, "mesh/full", "recovery/pod-delete")
		c.nothingLeft(t)
	})
	t.Run("a policy like GKE Autopilot's", func(t *testing.T) {
		c.policy(t, filepath.Join(p.root, "fixtures", "policies", "autopilot.yaml"))
		on := append([]string{"run"}, c.on()...)
		output := p.run(t, nil, 0, append(on, "-f", "dns-a", "--accept-unseen")...)
		says(t, output, "autogke-disallow-hostnamespaces")
		passes(t, output, "mesh/full", "recovery/pod-delete")
		// Discovery looks for a Service that is not there.
		lost := p.changed(t, "dns-a", "derl.$(NAMESPACE)", "other.$(NAMESPACE)")
		output = p.run(t, nil, 1, append(on, "-f", lost, "--accept-unseen")...)
		says(t, output, "first broken rung: mesh (mesh/one-component)")
		c.nothingLeft(t)
	})
}

// passes looks for the line of each check that passed.
func passes(t *testing.T, output string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		found := false
		for line := range strings.Lines(output) {
			words := strings.Fields(line)
			found = found || len(words) > 1 && words[0] == "ok" && words[1] == id
		}
		if !found {
			t.Errorf("%s has not passed:\n%s", id, output)
		}
	}
}

// policy creates the admission policy and the binding in a file.
func (c *cluster) policy(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	one, two, found := strings.Cut(string(text), "\n---\n")
	if !found {
		t.Fatalf("%s has no two documents", file)
	}
	var policy admissionv1.ValidatingAdmissionPolicy
	if err = yaml.UnmarshalStrict([]byte(one), &policy); err != nil {
		t.Fatal(err)
	}
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	if err = yaml.UnmarshalStrict([]byte(two), &binding); err != nil {
		t.Fatal(err)
	}
	api := c.client.AdmissionregistrationV1()
	if _, err = api.ValidatingAdmissionPolicies().Create(t.Context(), &policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err = api.ValidatingAdmissionPolicyBindings().Create(t.Context(), &binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}
