package workload_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

const aNode = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec: {replicas: 3, selector: {matchLabels: {app: shop}}, template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop, image: shop}]}}}
`

func fromText(t *testing.T, text string) (*workload.Workload, error) {
	t.Helper()
	all, err := manifest.FromFile("all.yaml", []byte(text)).Parse()
	if err != nil {
		t.Fatal(err)
	}
	return workload.FromObjects(&profile.Profile{Metadata: profile.Metadata{Name: "shop"}}, "all.yaml", all)
}

// What nobody changes is not given to kustomize, which needs three seconds for so many objects; but it is judged as kustomize has it.
func TestManifestsAsTheyAreWritten(t *testing.T) {
	var many strings.Builder
	many.WriteString(aNode)
	for i := range 4000 {
		fmt.Fprintf(&many, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other-%d}\n", i)
	}
	start := time.Now()
	w, err := fromText(t, many.String())
	if err != nil || len(w.Now().Documents) != 4001 {
		t.Fatal(len(w.Now().Documents), err)
	}
	if took := time.Since(start); took > 6*time.Second { // kustomize takes twelve
		t.Error("4000 objects took", took)
	}
	w, err = fromText(t, aNode+"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, annotations: {config.kubernetes.io/local-config: \"true\"}}\n")
	if err != nil || len(w.Now().Documents) != 1 {
		t.Errorf("an object for kustomize itself is deployed: %v, %v", w.Now().Documents, err)
	}
	_, err = fromText(t, aNode+"---\n"+strings.Replace(aNode, "{name: shop}", "{name: shop, namespace: default}", 1))
	if err == nil || !strings.Contains(err.Error(), "occurs twice, first at all.yaml:1") {
		t.Errorf("an object that is there twice: %v", err)
	}
}
