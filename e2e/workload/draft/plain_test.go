package draft

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/workload"
)

const (
	shop = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec:
  serviceName: shop
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: shop, env: [{name: RELEASE_COOKIE, value: x}]}]}
`
	postgres = `apiVersion: apps/v1
kind: Deployment
metadata: {name: db}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: postgres}]}
`
)

// Manifests alone say which workload is meant, and each note from what that was told.
func TestPlainManifests(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		nodes  int
		says   string
		refuse string
	}{
		"one that mentions Erlang": {shop + "---\n" + postgres, 1, "the pods of StatefulSet shop are nodes: it has the variable RELEASE_COOKIE", ""},
		"the rest":                 {shop + "---\n" + postgres, 1, "Deployment db is not judged", ""},
		"two of one release":       {shop + "---\n" + renamed(shop, "worker"), 2, "the pods of StatefulSet worker are nodes", ""},
		"a script that starts iex": {strings.Replace(postgres, "image: postgres", `image: x, args: [-c, "exec iex --cookie $C -S mix"]`, 1), 1, "it has the argument --cookie", ""},
		"the only one":             {postgres, 1, "it is the only workload, although it does not mention Erlang", ""},
		"none of several":          {postgres + "---\n" + renamed(postgres, "web"), 0, "", "which of Deployment db, Deployment web"},
		"one replica":              {strings.Replace(shop, "spec:", "spec:\n  replicas: 1", 1), 1, "one replica cannot form a cluster", ""},
		"a ReplicaSet":             {strings.Replace(shop, "StatefulSet", "ReplicaSet", 1), 1, "the pods of ReplicaSet shop are nodes", ""},
		"no workload":              {"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", 0, "", "the manifests contain no Deployment, StatefulSet, ReplicaSet or DaemonSet, so no pod would run; they contain Secret a"},
		"nothing":                  {"", 0, "", "no object is in it"},
		"a template":               {"kind: Deployment\nmetadata: {name: {{ .Name }}}\n", 0, "", "line 2 of the standard input"},
		"text":                     {"hello", 0, "", "not a Kubernetes object but text"},
	} {
		ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(c.text))
		if c.refuse != "" {
			if err == nil || !strings.Contains(err.Error(), c.refuse) || exitcode.Of(err) != exitcode.Usage {
				t.Errorf("%s: %v, code %d", name, err, exitcode.Of(err))
			}
			continue
		}
		if err != nil || len(ws) != 1 || len(ws[0].Resolved.Workloads) != c.nodes || !strings.Contains(notes(t, ws[0]), c.says) {
			t.Errorf("%s: %v, %d clusters", name, err, len(ws))
		}
	}
}

func renamed(manifest, name string) string {
	return strings.NewReplacer("name: shop", "name: "+name, "app: shop", "app: "+name, "serviceName: shop", "serviceName: "+name, "name: db", "name: "+name).Replace(manifest)
}

func notes(_ *testing.T, w *workload.Workload) string {
	return strings.Join(w.Notes(), "\n")
}

// A DaemonSet has a pod on each node of Kubernetes, which may be many, whatever the manifests say.
func TestADaemonSetIsACluster(t *testing.T) {
	ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(strings.Replace(shop, "StatefulSet", "DaemonSet", 1)))
	if err != nil || len(ws) != 1 || ws[0].Resolved.Replicas() < 2 || strings.Contains(notes(t, ws[0]), "one replica") {
		t.Errorf("%v, %d workloads", err, len(ws))
	}
}

// What is there for others than the nodes is not the cluster's.
func TestPlainManifestsLeaveOutWhatIsForOthers(t *testing.T) {
	ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(shop+"---\n"+postgres+service("db", "db", "")+service("web", "typo", "")))
	if err != nil {
		t.Fatal(err)
	}
	if y := rendered(t, ws[0]); strings.Contains(y, "name: db") || !strings.Contains(y, "name: web") {
		t.Errorf("rendered are\n%s", y)
	}
}

func rendered(t *testing.T, w *workload.Workload) string {
	t.Helper()
	objects, err := w.Render("", nil)
	if err != nil {
		t.Fatal(err)
	}
	y, err := objects.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(y)
}
