package draft

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/workload"
)

const (
	shopSecret  = "apiVersion: v1\nkind: Secret\nmetadata: {name: shop}\nstringData: {cookie: topsecretcookie}\n"
	shopService = "apiVersion: v1\nkind: Service\nmetadata: {name: shop}\nspec: {clusterIP: None, selector: {app: shop}}\n"
	shopApp     = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: web
        image: example.com/acme/shop:1.2
        env: [{name: RELEASE_COOKIE, valueFrom: {secretKeyRef: {name: shop, key: cookie}}}]
`
	database = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: postgres:17, envFrom: [{secretRef: {name: db}}]}]}
`
	databaseParts = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {POSTGRES_PASSWORD: x}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {selector: {app: db}}\n"
)

func TestDraft(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		path  string
		want  string
	}{
		"a folder, with what makes the image": {
			map[string]string{"deploy/a.yaml": shopApp + "---\n" + shopService, "deploy/s.yaml": shopSecret, "Dockerfile": "FROM scratch\n"}, "deploy",
			`  manifests: [deploy]
  images: [{name: example.com/acme/shop, build: .}]   # guessed: there is a Dockerfile
  cookie: {secretKeyRef: {name: shop, key: cookie}}   # variable RELEASE_COOKIE of container web
`},
		"a database is required": {
			map[string]string{"deploy/a.yaml": shopApp, "deploy/b.yaml": shopService + "---\n" + shopSecret, "deploy/db.yaml": database, "deploy/db-parts.yaml": databaseParts}, "deploy",
			`  manifests: [deploy/a.yaml, deploy/b.yaml]
  requires: [deploy/db-parts.yaml, deploy/db.yaml]   # StatefulSet db does not mention Erlang
  cookie: {secretKeyRef: {name: shop, key: cookie}}   # variable RELEASE_COOKIE of container web
`},
		"distribution over TLS": {
			map[string]string{"all.yaml": strings.Replace(shopApp, "      containers:\n", "      volumes: [{name: dist, projected: {sources: [{secret: {name: shop-tls}}]}}, {name: web, secret: {secretName: web}}]\n      containers:\n", 1) +
				"---\n" + shopService + "---\n" + shopSecret + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: vm}\ndata: {vm.args: -proto_dist inet_tls}\n" +
				"---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: nodes}\nspec: {secretName: shop-tls}\n" +
				"---\napiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {password: x}\n"}, "all.yaml",
			`  manifests: [all.yaml]
  cookie: {secretKeyRef: {name: shop, key: cookie}}   # variable RELEASE_COOKIE of container web
  tls: {secret: shop-tls}   # mounted, and something says inet_tls
`},
		"one file": {
			map[string]string{"all.yaml": shopApp + "---\n" + shopService + "---\n" + shopSecret}, "all.yaml",
			`  manifests: [all.yaml]
  cookie: {secretKeyRef: {name: shop, key: cookie}}   # variable RELEASE_COOKIE of container web
`},
		"beside an earlier profile": {
			map[string]string{"a.yaml": shopApp + "---\n" + shopService + "---\n" + shopSecret, "profile.yaml": profileText}, ".",
			`  manifests: [a.yaml]
  cookie: {secretKeyRef: {name: shop, key: cookie}}   # variable RELEASE_COOKIE of container web
`},
		"nothing but a Secret's key mentions Erlang": {
			map[string]string{"a.yaml": strings.ReplaceAll(shopApp, "RELEASE_COOKIE", "KEY") + "---\n" + shopSecret}, "a.yaml",
			`  manifests: [a.yaml]
  cookie: {secretKeyRef: {name: shop, key: cookie}}   # guessed from the key's name
`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, c.files)
			at := filepath.Join(dir, "new.yaml")
			got, err := Profile(t.Context(), workload.Loader{}, filepath.Join(dir, c.path), at)
			want := "apiVersion: meshproof.dev/v1alpha1\nkind: Profile\nmetadata: {name: shop}\nspec:\n" + c.want
			if err != nil || got != want {
				t.Errorf("%v\n%swanted\n%s", err, got, want)
			}
			if strings.Count(got, "\n") > 10 {
				t.Error("more than ten lines")
			}
			// It is what lint takes.
			if err = os.WriteFile(at, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			if w, err := workload.Load("", at); err != nil || w.Resolved.Replicas() != 2 {
				t.Errorf("it is not taken: %v", err)
			}
		})
	}
}

func TestDraftSaysWhatItLacks(t *testing.T) {
	plain := strings.ReplaceAll(shopApp, "RELEASE_COOKIE", "KEY")
	for name, c := range map[string]struct{ text, says string }{
		"no workload": {shopService + "---\n" + shopSecret, "the manifests contain no Deployment, StatefulSet, ReplicaSet or DaemonSet, so no pod would run; they contain Service shop, Secret shop"},
		"which one":   {plain + "---\n" + database, "which of Deployment shop, StatefulSet db is the application? None of them mentions Erlang"},
		"in one file": {shopApp + "---\n" + shopSecret + "---\n" + database, "m.yaml contains Deployment shop, which belongs to the nodes of the cluster, and StatefulSet db, which is no node and belongs in spec.requires: move StatefulSet db into a file of its own"},
		"cookie written out": {strings.Replace(shopApp, "valueFrom: {secretKeyRef: {name: shop, key: cookie}}", "value: abc", 1),
			"variable RELEASE_COOKIE of Deployment shop has the cookie as plain text: put it into a Secret"},
		"no cookie":          {plain + "---\n" + databaseParts, "where is the cookie of Deployment shop? No variable with cookie in its name reads it from a Secret, and no Secret has a key with cookie in it; the manifests contain Secret db (POSTGRES_PASSWORD)"},
		"a Secret elsewhere": {shopApp, `cannot write a complete profile: new.yaml:6: Secret "shop", which must contain the cookie, is not in the manifests`},
		"a template":         {"kind: {{ .Kind }}\n", "m.yaml:1: not YAML: {{ stands here"},
		"nothing":            {"", "m.yaml: no object is in it"},
		"alone":              {strings.Replace(shopApp, "replicas: 2", "replicas: 1", 1) + "---\n" + shopSecret, "a cluster needs at least two nodes"},
		"two namespaces":     {shopApp + "---\n" + strings.Replace(shopService, "{name: shop}", "{name: shop, namespace: a}", 1) + "---\n" + strings.Replace(shopSecret, "{name: shop}", "{name: shop, namespace: b}", 1), "two namespaces"},
	} {
		dir := tree(t, map[string]string{"m.yaml": c.text})
		got, err := Profile(t.Context(), workload.Loader{}, filepath.Join(dir, "m.yaml"), filepath.Join(dir, "new.yaml"))
		if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), dir+"/", ""), c.says) || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%s: %v (%d), wanted one that says %q; it gave %q", name, err, exitcode.Of(err), c.says, got)
		}
	}
	profileAlone := tree(t, map[string]string{"profile.yaml": "apiVersion: meshproof.dev/v1alpha1\nkind: Profile\nmetadata: {name: shop}\n"})
	if _, err := Profile(t.Context(), workload.Loader{}, profileAlone, filepath.Join(profileAlone, "new.yaml")); err == nil || !strings.Contains(err.Error(), "there are no manifests, only profiles") {
		t.Errorf("a profile alone: %v", err)
	}
	dir := tree(t, map[string]string{"inner/values.yaml": "replicas: 2\n", "inner/m.txt": shopApp})
	for path, says := range map[string]string{"nowhere": "no such file or folder", ".": "contains no manifests in *.yaml, *.yml or *.json, and no folder below it does\nleft, because it is no Kubernetes object, or no kustomization names it: inner/values.yaml"} {
		if _, err := Profile(t.Context(), workload.Loader{}, filepath.Join(dir, path), filepath.Join(dir, "new.yaml")); err == nil || !strings.Contains(err.Error(), says) || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Charts and kustomizations are rendered by their own programs, which print here what the test wants. They are run only where the
// user gives the command: of a folder alone it is named.
func TestDraftOfWhatAProgramRenders(t *testing.T) {
	app := shopApp + "---\n" + shopService + "---\n" + shopSecret
	for name, c := range map[string]struct {
		files map[string]string
		path  string
		print string
		want  string // the command, or what the error says
	}{
		"a chart": {map[string]string{"My_Chart/Chart.yaml": "apiVersion: v2\nname: shop-chart\n"}, "My_Chart", app,
			"command: [helm, template, shop-chart, ./My_Chart]\n"},
		"a chart whose tests have a workload": {map[string]string{"c/Chart.yaml": "name: shop\n"}, "c",
			app + "---\n" + strings.Replace(database, "{name: db}", "{name: db, annotations: {helm.sh/hook: test}}", 1), "command: [helm, template, shop, ./c]\n"},
		"a kustomization": {map[string]string{"k/overlay/kustomization.yml": "helmCharts: []\n"}, "k/overlay", app,
			"command: [kubectl, kustomize, k/overlay]\n"},
		"a chart with a database": {map[string]string{"c/Chart.yaml": "name: shop\n"}, "c", app + "---\n" + database,
			`the output of "helm template shop ./c" contains Service shop, which belongs to the nodes of the cluster, and StatefulSet db, which is no node and belongs in spec.requires: let the command write files (helm template shop ./c --output-dir NEW), and use the folder that contains Service shop`},
		"a kustomization with a database": {map[string]string{"k/Kustomization": "helmCharts: []\n"}, "k", app + "---\n" + database, "(kubectl kustomize k -o NEW)"},
		"a chart of one replica": {map[string]string{"c/Chart.yaml": "name: shop\n"}, "c", strings.Replace(app, "replicas: 2", "replicas: 1", 1),
			"a cluster needs at least two nodes; set replicas to 2 or more, or set expect: {topology: none} in the profile if it is not meant to form a cluster. To pass other values, give the command: meshproof init -- helm template shop ./c …"},
		"a chart that cannot be rendered": {map[string]string{"c/Chart.yaml": "name: shop\n"}, "c", "", `the command "helm template shop ./c" printed nothing`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, c.files)
			bin := tree(t, map[string]string{"out.yaml": c.print})
			for _, program := range []string{"helm", "kubectl"} {
				if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\ntouch '"+bin+"/ran'\ncat '"+bin+"/out.yaml'\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
			at := filepath.Join(dir, "new.yaml")
			argv := (&draft{dir: dir}).renderer(filepath.Join(dir, c.path))
			got, err := Profile(t.Context(), workload.Loader{}, filepath.Join(dir, c.path), at)
			if _, ran := os.Stat(filepath.Join(bin, "ran")); got != "" || ran == nil || err == nil || exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "meshproof init -- "+strings.Join(argv, " ")) {
				t.Errorf("of the folder alone: %v, ran: %t\n%s", err, ran == nil, got)
			}
			got, err = Command(t.Context(), workload.Loader{}, argv, at)
			if !strings.HasPrefix(c.want, "command") {
				if err == nil || !strings.Contains(err.Error(), c.want) || exitcode.Of(err) != exitcode.Usage {
					t.Errorf("%v (%d)\n%s", err, exitcode.Of(err), got)
				}
				return
			}
			if err != nil || !strings.Contains(got, c.want) {
				t.Fatalf("%v\n%s", err, got)
			}
			if err = os.WriteFile(at, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			named := workload.Loader{Announce: func(string) {}}
			if w, err := named.Load(t.Context(), at); err != nil || w.Resolved.Replicas() != 2 {
				t.Errorf("it is not taken: %v", err)
			}
		})
	}
}

const profileText = `apiVersion: meshproof.dev/v1alpha1
kind: Profile
metadata: {name: x}
spec:
  manifests: [m.yaml]
  cookie: {secretKeyRef: {name: s, key: k}}
`

// tree writes files, folders and all, into a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
