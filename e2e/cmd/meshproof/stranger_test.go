package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

const strangersApp = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - {name: web, image: shop, env: [{name: RELEASE_COOKIE, valueFrom: {secretKeyRef: {name: shop, key: cookie}}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: shop}
stringData: {cookie: topsecretcookie}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {clusterIP: None, selector: {app: shop}}
`

// A repository that somebody else wrote runs nothing when it is judged, and what was left out is named.
func TestAStrangersFolderRunsNothing(t *testing.T) {
	bin := t.TempDir()
	pwned := filepath.Join(bin, "PWNED")
	for _, program := range []string{"helm", "kubectl", "kustomize", "git", "evil"} {
		if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\ntouch '"+pwned+"'\ncat app.yaml\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	profile := "apiVersion: meshproof.dev/v1alpha1\nkind: Profile\nmetadata: {name: shop}\nspec:\n  command: [evil]\n  cookie: {secretKeyRef: {name: shop, key: cookie}}\n"
	for name, c := range map[string]struct {
		files      map[string]string
		lint, init string // what the errors say; "" where there is enough to go on with
		note       string // what lint's report says then
	}{
		"a command":       {map[string]string{"profile.yaml": profile, "app.yaml": strangersApp}, `not rendered: the command "evil" was not run`, "", ""},
		"a chart":         {map[string]string{"Chart.yaml": "name: shop\n", "templates/a.yaml": strangersApp}, "not rendered: the chart in DIR: helm template was not run", "meshproof init -- helm template shop ", ""},
		"a chart's name":  {map[string]string{"Chart.yaml": "name: 'x; evil'\n"}, ": helm template app ", "meshproof init -- helm template app ", ""},
		"a remote base":   {map[string]string{"kustomization.yaml": "resources: ['github.com/a/b//k']\n"}, "not rendered: the kustomization in DIR (github.com/a/b//k is not a file or folder here, and nothing is fetched)", "kubectl kustomize was not run", ""},
		"a function":      {map[string]string{"kustomization.yaml": "generators: [f.yaml]\n", "f.yaml": "metadata: {annotations: {config.kubernetes.io/function: 'exec: {path: evil}'}}\n"}, "which may run or fetch something", "which may run", ""},
		"a chart beside":  {map[string]string{"app.yaml": strangersApp, "db/Chart.yaml": "name: db\n"}, "", "", "not rendered: the chart in DIR/db (helm template was not run)"},
		"a kustomization": {map[string]string{"kustomization.yaml": "resources: [app.yaml]\n", "app.yaml": strangersApp}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range c.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for command, says := range map[string]string{"lint": c.lint, "init": c.init} {
				out, code, err := meshproof(t, command, dir)
				want := exitcode.Usage
				if command == "lint" && c.init != "" { // what is in a folder that was not rendered is not known
					want = exitcode.Unknown
				}
				if says = strings.ReplaceAll(says, "DIR", dir); says == "" && err != nil || says != "" && (err == nil || code != want || !strings.Contains(err.Error(), says)) {
					t.Errorf("%s: %v (%d), want one that says %q", command, err, code, says)
				}
				if note := strings.ReplaceAll(c.note, "DIR", dir); !strings.Contains(out, note) {
					t.Errorf("%s: %q is not in\n%s", command, note, out)
				}
			}
			if _, err := os.Stat(pwned); err == nil {
				t.Fatal("something was run")
			}
		})
	}
}

// A profile that is named itself runs its command, after it was said.
func TestANamedProfileRunsItsCommand(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "profile.yaml")
	for file, text := range map[string]string{
		at:                             "apiVersion: meshproof.dev/v1alpha1\nkind: Profile\nmetadata: {name: shop}\nspec:\n  command: [sh, -c, 'touch ran; cat app.yaml']\n  cookie: {secretKeyRef: {name: shop, key: cookie}}\n",
		filepath.Join(dir, "app.yaml"): strangersApp,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"lint", at}, {"lint", "-f", at}} {
		code := 0
		var out, said bytes.Buffer
		c := root(&code)
		c.SetArgs(args)
		c.SetOut(&out)
		c.SetErr(&said)
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := "running: sh -c touch ran; cat app.yaml (from " + at + ":5)\n"; said.String() != want {
			t.Errorf("%v says %q, want %q", args, said.String(), want)
		}
		if err := os.Remove(filepath.Join(dir, "ran")); err != nil {
			t.Errorf("%v: it was not run: %v", args, err)
		}
	}
	for _, args := range [][]string{{"lint", dir}, {"lint", "-f", dir}} {
		if _, code, err := meshproof(t, args...); err == nil || code != exitcode.Usage {
			t.Errorf("%v: %v (%d)", args, err, code)
		}
		if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
			t.Errorf("%v runs it", args)
		}
	}
}
