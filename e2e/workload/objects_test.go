package workload

import (
	"encoding/json"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// leaky holds the cookie TOPSECRET in every place where people put it, and another one beside.
const leaky = `apiVersion: v1
kind: Secret
metadata:
  name: derl
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"cookie":"OTHERSECRET"}}', team: beam}
stringData: {cookie: TOPSECRET, note: PLAINNOTE}
data: {raw: VE9QU0VDUkVUCg==}
---
# nothing in this document
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data:
  vm.args: |
    -name derl@${POD_IP}
    -setcookie LITERALCOOKIE
    +K true
  sys.config: "[{x, 'TOPSECRET'}]."
  .erlang.cookie: FILECOOKIE
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: derl}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: derl
        image: derl
        args: [foreground, -setcookie, ARGCOOKIE, -cookie, "$(COOKIE)", "-name derl@x -setcookie 'QUOTEDCOOKIE'"]
        env:
        - {name: RELEASE_COOKIE, value: ENVCOOKIE}
        - {name: COOKIE, valueFrom: {secretKeyRef: {name: derl, key: cookie}}}
        - {name: ERL_FLAGS, value: "-setcookie $(COOKIE)"}
        - {name: GREETING, value: hello}
`

func TestObjectsHoldNoCookie(t *testing.T) {
	var known secrets.Redactor
	known.Guard([]byte("TOPSECRET"))
	objects, err := Objects([]byte(leaky), &known)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"TOPSECRET", "VE9QU0VDUkVU", "OTHERSECRET", "PLAINNOTE", "LITERALCOOKIE", "FILECOOKIE", "ARGCOOKIE", "QUOTEDCOOKIE", "ENVCOOKIE", "last-applied"} {
		if strings.Contains(string(b), secret) {
			t.Errorf("%s is in the objects: %s", secret, b)
		}
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Kind+"/"+o.Name)
	}
	if strings.Join(got, " ") != "Secret/derl ConfigMap/conf Deployment/derl" {
		t.Errorf("objects %v", got)
	}
	// What a check has to see is still there: the keys, the references, and that a literal cookie was one.
	for _, want := range []string{
		`"stringData":{"cookie":"","note":""}`, `"data":{"raw":""}`, `"team":"beam"`, `-setcookie (cookie)\n+K true`, `".erlang.cookie":"(cookie)"`,
		`"-setcookie","(cookie)","-cookie","$(COOKIE)","-name derl@x -setcookie '(cookie)'"`, `"name":"RELEASE_COOKIE","value":"(cookie)"`,
		`"secretKeyRef":{"key":"cookie","name":"derl"}`, `-setcookie $(COOKIE)`, `"value":"hello"`, `"replicas":3`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in the objects: %s", want, b)
		}
	}
}

func TestObjectsOfBrokenYAML(t *testing.T) {
	if _, err := Objects([]byte("kind: A\n---\nkind: [\n"), new(secrets.Redactor)); err == nil || !strings.Contains(err.Error(), "object 2 of the manifests") {
		t.Errorf("error %v", err)
	}
}

func TestCookiesOfTheManifests(t *testing.T) {
	got, err := cookies([]byte(leaky), "raw")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range got {
		all = append(all, string(c))
	}
	if strings.Join(all, " ") != "TOPSECRET TOPSECRET\n" {
		t.Errorf("cookies %q", all)
	}
	for _, profile := range []string{"dns-a"} {
		w, err := Load(fixtures, profile)
		if err != nil {
			t.Fatal(err)
		}
		if c := w.Cookies(); len(c) != 1 || string(c[0]) != "fixture-cookie-of-dns-a" {
			t.Errorf("%s has %d cookies", profile, len(c))
		}
	}
	// The odd one out has a cookie of its own, in a Secret of its own.
	_, broken, _, err := LoadMutant(fixtures, "cookie-differs")
	if err != nil {
		t.Fatal(err)
	}
	if c := broken.Cookies(); len(c) != 2 {
		t.Errorf("the mutant has %d cookies, want both", len(c))
	}
}
