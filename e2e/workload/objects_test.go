package workload

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/manifest"
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
	objects, err := Objects(parsed(t, leaky), "", &known)
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

func TestCookiesOfTheManifests(t *testing.T) {
	var all []string
	for _, c := range cookies(parsed(t, leaky), "raw") {
		all = append(all, string(c))
	}
	if strings.Join(all, " ") != "TOPSECRET TOPSECRET\n" {
		t.Errorf("cookies %q", all)
	}
	// The odd one out has a cookie of its own, in a Secret of its own.
	_, broken, _, err := LoadMutant(fixtures, "cookie-differs")
	if err != nil {
		t.Fatal(err)
	}
	var known secrets.Redactor
	if err := broken.Guard(&known); err != nil {
		t.Fatal(err)
	}
	if got := known.Text("derl has fixture-cookie-of-dns-a, the other another-cookie"); got != "derl has (cookie), the other (cookie)" {
		t.Errorf("%q", got)
	}
}

// A cookie that is the application's name does not make its manifests unreadable.
// What is recorded of a cookie is how well it can be guessed, and of no other value.
func TestObjectsSayHowStrongTheCookieIs(t *testing.T) {
	for cookie, want := range map[string]string{"mesh": "word", "hunter2": "short", "QZYXSECRETCOOKIEABCD": "strong"} {
		known := &secrets.Redactor{}
		known.Public("the mesh")
		known.Guard([]byte(cookie))
		text := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: " + base64.StdEncoding.EncodeToString([]byte(cookie+"\n")) + ", other: aHVudGVyMw==}\nstringData: {b: " + cookie + "}\n"
		set, err := manifest.FromFile("s.yaml", []byte(text)).Parse()
		if err != nil {
			t.Fatal(err)
		}
		all, err := Objects(set, "", known)
		if err != nil {
			t.Fatal(err)
		}
		if got := all[0].Cookies; len(got) != 2 || got["a"] != want || got["b"] != want {
			t.Errorf("%s: %v, want %s", cookie, got, want)
		}
		if strings.Contains(string(all[0].Manifest), cookie) {
			t.Errorf("%s is in %s", cookie, all[0].Manifest)
		}
	}
}

func TestObjectsWhoseNameIsTheCookie(t *testing.T) {
	manifests := strings.ReplaceAll(leaky, "TOPSECRET", "derl")
	var known secrets.Redactor
	known.Public(`{"workloads":[{"name":"derl"}]}`)
	known.Guard([]byte("derl"))
	objects, err := Objects(parsed(t, manifests), "", &known)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"image":"derl"`, `-name derl@${POD_IP}\n-setcookie (cookie)`} {
		if !strings.Contains(string(objects[1].Manifest)+string(objects[2].Manifest), want) {
			t.Errorf("%s is not in the objects: %s %s", want, objects[1].Manifest, objects[2].Manifest)
		}
	}
}

// What is concealed can be read as what it is: binaryData is base64.
func TestObjectsAreOfTheirTypes(t *testing.T) {
	objects, err := Objects(parsed(t, leaky+"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: binary}\nbinaryData: {.erlang.cookie: Q09PS0lF}\n"), "", new(secrets.Redactor))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if d, err := manifest.FromRecording(o.Manifest, o.File, o.Lines); err != nil || d.Err != nil || strings.Contains(string(o.Manifest), "Q09PS0lF") {
			t.Errorf("%s %s: %v, %v: %s", o.Kind, o.Name, err, d.Err, o.Manifest)
		}
	}
}

// What is recorded of an object says where its fields stand in the files, whatever was rendered of them.
func TestObjectsNameTheirPlaces(t *testing.T) {
	dir := tree(t, map[string]string{
		"profile.yaml": profileText + "  env: {LEVEL: \"8\"}\n",
		"m.yaml":       "# the application\n" + deployment("x", "app: x") + "---\n" + secretText,
	})
	rendered, err := mustLoad(t, dir).Render("ns", map[string]string{"i": "localhost/i:abc"})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Objects(rendered, dir, new(secrets.Redactor))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		d, err := manifest.FromRecording(o.Manifest, o.File, o.Lines)
		if err != nil {
			t.Fatal(err)
		}
		for field, line := range map[string]int{"Deployment replicas": 6, "Deployment template": 7, "Secret replicas": 11} {
			if kind, name, _ := strings.Cut(field, " "); kind == o.Kind {
				want := manifest.Position{File: "m.yaml", Line: line}
				if got := d.Position("spec", name); got != want {
					t.Errorf("%s stands at %s, want %s", field, got, want)
				}
			}
		}
	}
}

// Of what a command printed there is no file to name, but for the templates that helm names; their lines nobody knows.
func TestObjectsOfACommand(t *testing.T) {
	dir := tree(t, map[string]string{
		"profile.yaml": strings.Replace(profileText, "manifests: [m.yaml]", "command: [cat, out.yaml]", 1),
		"out.yaml":     "---\n# Source: shop/templates/app.yaml\n" + deployment("x", "app: x") + "---\n" + secretText,
	})
	rendered, err := mustLoad(t, dir).Render("", nil)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Objects(rendered, "", new(secrets.Redactor))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		want := map[string]string{"Deployment": "shop/templates/app.yaml"}[o.Kind]
		if o.File != want || o.Lines != nil {
			t.Errorf("%s %s: file %q, lines %v; want file %q and no lines", o.Kind, o.Name, o.File, o.Lines, want)
		}
	}
}

// A recording is read on other machines, too: where the profile lies on this one is nobody's business there.
func TestObjectsNameFilesAsSeenFromTheProfile(t *testing.T) {
	for file, want := range map[string]string{"/home/x/shop/deploy/app.yaml": "deploy/app.yaml", "/home/x/other/app.yaml": "../other/app.yaml", "deploy/app.yaml": "deploy/app.yaml"} {
		rendered, err := manifest.Parse(file, []byte("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"))
		if err != nil {
			t.Fatal(err)
		}
		objects, err := Objects(rendered, "/home/x/shop", new(secrets.Redactor))
		if err != nil || len(objects) != 1 || objects[0].File != want {
			t.Errorf("%s: %+v, %v; want %s", file, objects, err, want)
		}
	}
}
