package workload

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/manifest"
)

const needy = `apiVersion: v1
kind: ServiceAccount
metadata: {name: shop}
imagePullSecrets: [{name: of-the-account}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec: {serviceAccountName: shop, containers: [{name: a, image: "r.example/m/shop@sha256:1"}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {imagePullSecrets: [{name: own}], nodeSelector: {pool: beam}, containers: [{name: a, image: "r.example/m/shop@sha256:1"}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: other}
spec: {nodeSelector: {kubernetes.io/arch: arm64}, containers: [{name: a, image: "postgres:18"}]}
---
apiVersion: shop.example/v1
kind: Deployment
metadata: {name: custom}
spec: {template: {spec: {containers: [{name: a, image: "r.example/m/shop@sha256:1"}]}}}
`

// Each pod keeps what it says itself, and gets what its nodes need; what is not Kubernetes' own is not changed.
func TestNeeds(t *testing.T) {
	set, err := manifest.Parse("needy.yaml", []byte(needy))
	if err != nil {
		t.Fatal(err)
	}
	var w Workload
	w.Need(Needs{PullSecret: "run", Architecture: map[string]string{"r.example/m/shop@sha256:1": "amd64"}})
	got, err := w.needs.meet(set).YAML()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(got)), " ")
	for _, want := range []string{
		"imagePullSecrets: - name: of-the-account - name: run nodeSelector: kubernetes.io/arch: amd64 serviceAccountName: shop",
		"imagePullSecrets: - name: own - name: run nodeSelector: kubernetes.io/arch: amd64 pool: beam",
		"imagePullSecrets: - name: run nodeSelector: kubernetes.io/arch: arm64",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not there: %s\nin %s", want, got)
		}
	}
	if _, custom, _ := strings.Cut(text, "shop.example/v1"); strings.Contains(custom, "imagePullSecrets") {
		t.Errorf("a custom resource was changed: %s", custom)
	}
	if notes := strings.Join(w.needs.notes, "\n"); !strings.Contains(notes, "r.example/m/shop@sha256:1 is for amd64") {
		t.Errorf("notes: %s", notes)
	}
	if (Needs{}).meet(set) != set {
		t.Error("no needs change something")
	}
}
