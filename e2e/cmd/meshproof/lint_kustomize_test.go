package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// A finding about a rendered object names the file that it is from, and its line there; and kustomize writes nothing of its own.
func TestLintOfAKustomizationNamesTheFiles(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"base/kustomization.yaml": "resources: [app.yaml]\ncommonLabels: {team: talk}\n",
		"base/app.yaml":           chat("StatefulSet", "chat", "env:\n"+podIP+"- {name: RELEASE_DISTRIBUTION, value: sname}\n- {name: RELEASE_NODE, value: chat@$(ADDRESS)}\n"+theCookie+"envFrom: [{configMapRef: {name: more}}]\n", "", ""),
		"prod/kustomization.yaml": "bases: [../base]\nnamePrefix: eu-\npatchesStrategicMerge: [scale.yaml, \"apiVersion: v1\\nkind: Service\\nmetadata: {name: chat-peers}\\nspec: {publishNotReadyAddresses: true}\"]\npatchesJson6902: [{target: {kind: Service, name: chat-peers}, path: type.yaml}]\nconfigMapGenerator: [{name: more, literals: [POD_IP=10.0.0.1]}]\n",
		"prod/scale.yaml":         "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: chat}\nspec: {replicas: 5}\n",
		"prod/type.yaml":          "- op: add\n  path: /spec/type\n  value: NodePort\n",
	} {
		at := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	stderr := os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = w
	out, code, err := meshproof(t, "lint", ".")
	os.Stderr = stderr
	_ = w.Close()
	raw, _ := io.ReadAll(r)
	if err != nil || code != exitcode.Fail || len(raw) > 0 {
		t.Errorf("exit code %d, %v; on the terminal: %q\n%s", code, err, raw, out)
	}
	for _, part := range []string{
		"in all 5 pods of StatefulSet eu-chat", // both patches were made
		"env RELEASE_NODE of container chat of StatefulSet eu-chat sets the node name chat@$(ADDRESS)", "at: base/app.yaml:28\n",
		"Service eu-chat-peers has clusterIP: None and type: NodePort", "at: base/app.yaml:9\n",
		"from ConfigMap eu-more", "at: prod/kustomization.yaml\n",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("it does not say %q\n%s", part, out)
		}
	}
}
