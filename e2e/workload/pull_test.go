package workload

import (
	"slices"
	"strings"
	"testing"
)

func TestPullSecretsThatNobodyBrings(t *testing.T) {
	pod := strings.Replace(deployment("x", "app: x"), "{containers:", "{imagePullSecrets: [{name: registry}], containers:", 1)
	if !strings.Contains(pod, "imagePullSecrets") {
		t.Fatalf("no place for it in %s", pod)
	}
	const want = "Deployment x names the pull secret registry, which is not in the manifests and not in spec.requires: the nodes must pull i without it; add the Secret to spec.requires, or say in spec.images where the image comes from"
	account := "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\nimagePullSecrets: [{name: registry}]\n---\n"
	for name, c := range map[string]struct {
		profile, manifests, before string
		want                       []string
	}{
		"nobody brings it":        {"", pod, "", []string{want}},
		"through the account":     {"", account + deployment("x", "app: x"), "", []string{want}},
		"it is required":          {"  requires: [before]\n", pod, "apiVersion: v1\nkind: Secret\nmetadata: {name: registry}\n", nil},
		"the image is brought":    {"  images: [{name: i, build: .}]\n", pod, "", nil},
		"no pull secret is named": {"", deployment("x", "app: x"), "", nil},
	} {
		files := map[string]string{"profile.yaml": profileText + c.profile, "m.yaml": secretText + "---\n" + c.manifests}
		if c.before != "" {
			files["before/s.yaml"] = c.before
		}
		if got := mustLoad(t, tree(t, files)).Notes(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Nodes that were told to pull always would ask a registry for what was brought to them.
func TestBroughtImagesAreNotPulled(t *testing.T) {
	m := strings.Replace(deployment("x", "app: x"), "image: i", "image: i:latest, imagePullPolicy: Always", 1)
	w := mustLoad(t, tree(t, map[string]string{"profile.yaml": profileText + "  images: [{name: i, build: .}]\n", "m.yaml": secretText + "---\n" + m}))
	y := yamlOf(t)(w.Render("ns", map[string]string{"i": "localhost/i:abc"}))
	if !strings.Contains(y, "imagePullPolicy: IfNotPresent") || strings.Contains(y, "Always") {
		t.Error(y)
	}
	if y = yamlOf(t)(w.Render("ns", nil)); !strings.Contains(y, "imagePullPolicy: Always") {
		t.Error(y)
	}
}
