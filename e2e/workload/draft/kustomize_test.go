package draft

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"meshproof.dev/meshproof/e2e/workload"
)

// An overlay of files is rendered as kustomize does it.
func TestALocalKustomizationIsRendered(t *testing.T) {
	dir := tree(t, map[string]string{
		".git/HEAD":               "ref: refs/heads/main\n",
		"base/kustomization.yaml": "resources: [app.yaml, ./sub/service.yaml]\nconfigMapGenerator: [{name: vm, files: [vm.args, named=vm.args], envs: [e.env], literals: [x=https://example.com]}]\n",
		"base/app.yaml":           shopApp, "base/sub/service.yaml": shopService, "base/vm.args": "-name x\n", "base/e.env": "A=b\n",
		"prod/kustomization.yml": `
resources: [../base, secret.yaml]
components: [../part]
namePrefix: prod-
images: [{name: example.com/acme/shop, newTag: "9"}]
commonAnnotations: {docs: "https://example.com/docs"}
patches: [{path: more.yaml}, {target: {kind: Service}, patch: "- op: add\n  path: /metadata/labels\n  value: {a: b}\n"}]
patchesStrategicMerge:
- |
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: shop}
  spec: {minReadySeconds: 7}
`,
		"prod/secret.yaml": shopSecret, "prod/more.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 5}\n",
		"part/Kustomization": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: p.yaml}]\n", "part/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {revisionHistoryLimit: 3}\n",
	})
	l, err := renderLocal(filepath.Join(dir, "prod"), filepath.Join(dir, "prod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"name: prod-shop", "image: example.com/acme/shop:9", "replicas: 5", "minReadySeconds: 7", "revisionHistoryLimit: 3", "vm.args: |", "named: |", "A: b", "a: b", "x: https://example.com"} {
		if !strings.Contains(string(l.text), want) {
			t.Errorf("%q is not in\n%s", want, l.text)
		}
	}
	// init writes the command for it, and has not run it.
	t.Setenv("PATH", t.TempDir())
	text, err := Profile(t.Context(), workload.Loader{}, filepath.Join(dir, "prod"), filepath.Join(dir, "profile.yaml"))
	if err != nil || !strings.Contains(text, "command: [kubectl, kustomize, prod]\n") {
		t.Errorf("%v\n%s", err, text)
	}
	ws, err := Plain(t.Context(), workload.Loader{}, filepath.Join(dir, "prod"), nil)
	if err != nil || len(ws) != 1 || ws[0].Resolved.Replicas() != 5 {
		t.Errorf("%v, %d clusters", err, len(ws))
	}
}

// What is outside, and what would have to be fetched or run, is not rendered, and nobody is asked for it.
func TestAKustomizationOfAStrangerRunsAndFetchesNothing(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(shopApp))
	}))
	defer server.Close()
	bin := tree(t, map[string]string{})
	ran := filepath.Join(bin, "ran")
	for _, program := range []string{"git", "helm", "docker", "podman", "evil"} {
		if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\ntouch '"+ran+"'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	outside := tree(t, map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": shopApp})
	function := func(how string) string {
		return "apiVersion: v1\nkind: F\nmetadata: {name: f, annotations: {config.kubernetes.io/function: '" + how + "'}}\n"
	}
	for name, c := range map[string]struct {
		files map[string]string
		links map[string]string
		says  string
	}{
		"a file over HTTP":                   {map[string]string{"kustomization.yaml": "resources: [URL/a.yaml]\n"}, nil, "nothing is fetched"},
		"one that seems to be here":          {map[string]string{"kustomization.yaml": "resources: ['" + "URL/a.yaml']\n", "http:/HOST/a.yaml": shopApp}, nil, ""},
		"a repository":                       {map[string]string{"kustomization.yaml": "resources: ['github.com/a/b//k?ref=main']\n"}, nil, "nothing is fetched"},
		"a repository that seems to be here": {map[string]string{"kustomization.yaml": "resources: [github.com/a/b]\n", "github.com/a/b/kustomization.yaml": "resources: [a.yaml]\n", "github.com/a/b/a.yaml": shopApp}, nil, ""},
		"an old base":                        {map[string]string{"kustomization.yaml": "bases: ['git@example.com:a/b']\n"}, nil, "nothing is fetched"},
		"a component":                        {map[string]string{"kustomization.yaml": "components: ['https://example.com/a/b']\n"}, nil, "nothing is fetched"},
		"a patch over HTTP":                  {map[string]string{"kustomization.yaml": "patches: [{path: URL/p.yaml}]\n"}, nil, "nothing is fetched"},
		"a patch under another key":          {map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches: [{Path: URL/p.yaml}]\n", "a.yaml": shopApp}, nil, "it has the key Path"},
		"a field in other letters":           {map[string]string{"kustomization.yaml": "Resources: [URL/a.yaml]\n"}, nil, "it has the field Resources"},
		"a file of a ConfigMap":              {map[string]string{"kustomization.yaml": "configMapGenerator: [{name: a, files: [k=URL/a]}]\n"}, nil, "nothing is fetched"},
		"a base of a base":                   {map[string]string{"kustomization.yaml": "resources: [b]\n", "b/kustomization.yaml": "resources: [URL/a.yaml]\n"}, nil, "nothing is fetched"},
		"a chart":                            {map[string]string{"kustomization.yaml": "helmCharts: [{name: x, repo: URL}]\n"}, nil, "it has the field helmCharts"},
		"a generator that is run":            {map[string]string{"kustomization.yaml": "generators: [f.yaml]\n", "f.yaml": function("exec: {path: evil}")}, nil, "it has the field generators"},
		"a transformer in a container":       {map[string]string{"kustomization.yaml": "resources: [a.yaml]\ntransformers: [f.yaml]\n", "a.yaml": shopApp, "f.yaml": function("container: {image: evil}")}, nil, "it has the field transformers"},
		"a validator":                        {map[string]string{"kustomization.yaml": "validators: [f.yaml]\n", "f.yaml": function("exec: {path: evil}")}, nil, "it has the field validators"},
		"a schema":                           {map[string]string{"kustomization.yaml": "openapi: {path: URL/s.json}\n"}, nil, "it has the field openapi"},
		"a base outside":                     {map[string]string{"kustomization.yaml": "resources: ['OUTSIDE']\n"}, nil, "leads out of"},
		"a file outside":                     {map[string]string{"kustomization.yaml": "resources: ['OUTSIDE/a.yaml']\n"}, nil, "leads out of"},
		"an absolute path":                   {map[string]string{"kustomization.yaml": "resources: [/etc/passwd]\n"}, nil, "is an absolute path"},
		"a link to a file outside":           {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n"}, map[string]string{"a.yaml": outside + "/a.yaml"}, "leads out of"},
		"a link to a folder outside":         {map[string]string{"kustomization.yaml": "resources: [b]\n"}, map[string]string{"b": outside}, "leads out of"},
		"a kustomization that is a link":     {nil, map[string]string{"kustomization.yaml": outside + "/kustomization.yaml"}, "leads out of"},
		"a device":                           {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n"}, map[string]string{"a.yaml": "/dev/zero"}, "leads out of"},
		"itself":                             {map[string]string{"kustomization.yaml": "resources: [b]\n", "b/kustomization.yaml": "resources: [../b]\n"}, nil, "contains itself"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, nil)
			rel, err := filepath.Rel(dir, outside)
			if err != nil {
				t.Fatal(err)
			}
			host := strings.TrimPrefix(server.URL, "http://")
			for file, text := range c.files {
				at := filepath.Join(dir, strings.ReplaceAll(file, "HOST", host))
				if err = os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
					t.Fatal(err)
				}
				if err = os.WriteFile(at, []byte(strings.NewReplacer("URL", server.URL, "OUTSIDE", rel).Replace(text)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for file, to := range c.links {
				if err = os.Symlink(to, filepath.Join(dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			l, err := renderLocal(dir, dir)
			if c.says == "" && (err != nil || !strings.Contains(string(l.text), "kind: Deployment")) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want one that says %q\n%s", err, c.says, l.text)
			}
			_, err = Profile(t.Context(), workload.Loader{}, dir, filepath.Join(dir, "profile.yaml"))
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), "not rendered: the kustomization in "+dir+" (") || !strings.Contains(err.Error(), "kubectl kustomize was not run")) {
				t.Errorf("init: %v", err)
			}
			if _, err := os.Stat(ran); err == nil || asked.Load() > 0 {
				t.Fatalf("a program was run: %t; the server was asked %d times", err == nil, asked.Load())
			}
		})
	}
}

// Folders that name each other's folders twice would be read for ever.
func TestAKustomizationIsLimited(t *testing.T) {
	files := map[string]string{}
	for i := range 20 {
		n := string(rune('a' + i))
		for _, side := range []string{"l", "r"} {
			next := string(rune('a' + i + 1))
			files[n+side+"/kustomization.yaml"] = "namePrefix: " + side + "-\nresources: [../" + next + "l, ../" + next + "r]\n"
		}
	}
	files["ul/kustomization.yaml"], files["ur/kustomization.yaml"] = "namePrefix: l-\n", "namePrefix: r-\n"
	dir := tree(t, files)
	if err := os.Mkdir(filepath.Join(dir, ".git"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := renderLocal(filepath.Join(dir, "al"), filepath.Join(dir, "al")); err == nil || !strings.Contains(err.Error(), "too many folders") {
		t.Errorf("%v", err)
	}
}
