package manifest_test

import (
	"encoding/json"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

func parse(t *testing.T, text string) *manifest.Set {
	t.Helper()
	s, err := manifest.Parse("shop.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func names(s *manifest.Set) string {
	var all []string
	for _, d := range s.Documents {
		all = append(all, d.String()+"@"+d.Position().String())
	}
	return strings.Join(all, ", ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ what, text, want string }{
		{"several documents", "kind: A\nmetadata: {name: a}\n---\n# nothing\n---\n\n---\nkind: B\nmetadata: {name: b}\n", "A a@shop.yaml:1, B b@shop.yaml:8"},
		{"JSON", `{"kind": "A", "metadata": {"name": "a"}}`, "A a@shop.yaml:1"},
		{"a list", "kind: List\nitems:\n- kind: A\n  metadata: {name: a}\n- kind: B\n  metadata: {name: b}\n", "A a@shop.yaml:3, B b@shop.yaml:5"},
		{"a list of one kind", "apiVersion: apps/v1\nkind: DeploymentList\nitems:\n- metadata: {name: a}\n", "Deployment a@shop.yaml:4"},
		{"a list in a list", "kind: List\nitems:\n- kind: List\n  items:\n  - kind: A\n    metadata: {name: a}\n", "A a@shop.yaml:5"},
		{"an empty list", "kind: List\nitems: []\n", ""},
		{"no list", "kind: AllowList\nmetadata: {name: a}\nspec: {}\n", "AllowList a@shop.yaml:1"},
		{"anchors across items", "kind: List\nitems:\n- kind: A\n  metadata: &m {name: a}\n- kind: B\n  metadata: *m\n", "A a@shop.yaml:3, B a@shop.yaml:5"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := names(parse(t, c.text)); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "shop.yaml: no object is in it"},
		{"kind: A\n---\n- a\n", "shop.yaml:3: this is not a Kubernetes object but a list: write its items as documents, with --- between them"},
		{"hello\n", `shop.yaml:1: this is not a Kubernetes object but text: "hello"`},
		{"metadata: {name: a}\n", "shop.yaml:1: this is not a Kubernetes object: it has no kind"},
		{"kind: List\nitems:\n- metadata: {name: a}\n", "shop.yaml:3: this is not a Kubernetes object: it has no kind"},
		{"kind: List\nitems:\n- hello\n", `shop.yaml:3: this is not a Kubernetes object but text: "hello"`},
		{"kind: A\nkind: B\n", `shop.yaml:2: not YAML: mapping key "kind" already defined at line 1`},
		{"kind: A\n\tspec: b\n", "shop.yaml:2: not YAML: the line is indented with a tab; YAML takes spaces only"},
		{"kind: {{ .Kind }}\n", "shop.yaml:1: not YAML: {{ stands here, as in a template; let what renders it print the manifests: command: [helm, template, ./chart]"},
	} {
		_, err := manifest.Parse("shop.yaml", []byte(c.text))
		if err == nil || err.Error() != c.want {
			t.Errorf("%q\ngot  %v\nwant %s", c.text, err, c.want)
		}
	}
}

// A stream that nobody wrote has no lines to name.
func TestRenderedErrors(t *testing.T) {
	if _, err := manifest.Rendered([]byte("kind: A\n---\nkind: [\n")).Parse(); err == nil || !strings.Contains(err.Error(), "object 2 of the manifests") {
		t.Errorf("error %v", err)
	}
}

func TestTypes(t *testing.T) {
	s := parse(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec: {replicas: 3}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: shop}
spec: {replicas: many}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: wrong}
spec: {serviceName: nodes, replicas: three, template: {}}
---
kind: ConfigMap
metadata: {name: short}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: octal}
mode: 0400
`)
	if d, is := s.Documents[0].Object.(*appsv1.Deployment); !is || *d.Spec.Replicas != 3 {
		t.Errorf("the Deployment is a %T", s.Documents[0].Object)
	}
	if spec, is := s.Documents[1].Raw["spec"].(map[string]any); !is || s.Documents[1].Object != nil || spec["replicas"] != "many" {
		t.Error("a custom resource has a raw map and no type")
	}
	if w := s.Documents[2].Workload(); s.Documents[2].Err == nil || w.ServiceName != "nodes" {
		t.Errorf("what is of the right type is there, and Err says that something is not: %v", s.Documents[2].Err)
	}
	if s.Documents[3].Object == nil {
		t.Error("an object without apiVersion is what its kind says")
	}
	if s.Documents[4].Raw["mode"] != int64(0o400) {
		t.Errorf("0400 is of base eight, as kubectl reads it: %v", s.Documents[4].Raw["mode"])
	}
}

const placed = `# a comment
apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
  labels: {app: shop}
  annotations:
    example.com/why: because
data:
  vm.args: |
    -name shop
  list:
  - a
  - b:
      c: d
`

func TestPosition(t *testing.T) {
	d := parse(t, placed).Documents[0]
	for _, c := range []struct {
		path []any
		want int
	}{
		{nil, 2}, {[]any{"metadata"}, 4}, {[]any{"metadata", "name"}, 5}, {[]any{"metadata", "labels", "app"}, 6},
		{[]any{"metadata", "annotations", "example.com/why"}, 8}, {[]any{"data", "vm.args"}, 10}, {[]any{"data", "list"}, 12},
		{[]any{"data", "list", 0}, 13}, {[]any{"data", "list", 1, "b", "c"}, 15},
		{[]any{"metadata", "namespace"}, 4}, {[]any{"spec", "replicas"}, 2}, {[]any{"data", "list", 7}, 12},
	} {
		want := manifest.Position{File: "shop.yaml", Line: c.want}
		if got := d.Position(c.path...); got != want {
			t.Errorf("%s: got %v, want %v", manifest.Path(c.path...), got, want)
		}
	}
}

// What a mapping merges stands where it is written, unless the mapping says it itself.
func TestPositionOfWhatIsMerged(t *testing.T) {
	d := parse(t, `kind: A
one: &one
  a: 1
  b: 1
two: &two
  b: 2
  c: 2
merged: {<<: [*one, *two], a: 3}
again:
  <<: *two
`).Documents[0]
	for field, want := range map[string]int{"merged a": 8, "merged b": 4, "merged c": 7, "again b": 6} {
		where, key, _ := strings.Cut(field, " ")
		if got := d.Position(where, key).Line; got != want {
			t.Errorf("%s stands in line %d, want %d", field, got, want)
		}
	}
}

// TestLines takes a document through a recording and back.
func TestLines(t *testing.T) {
	d := parse(t, placed).Documents[0]
	j, err := json.Marshal(d.Lines())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"":2,"apiVersion":0,`
	if strings.HasPrefix(string(j), want) || !strings.Contains(string(j), `"metadata.annotations[\"example.com/why\"]":8`) || strings.Contains(string(j), "labels.app") {
		t.Errorf("the lines are %s", j)
	}
	var lines manifest.Lines
	if err = json.Unmarshal(j, &lines); err != nil {
		t.Fatal(err)
	}
	object, err := json.Marshal(d.Raw)
	if err != nil {
		t.Fatal(err)
	}
	back, err := manifest.FromRecording(object, d.Position().File, lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range [][]any{nil, {"data", "vm.args"}, {"data", "list", 1}, {"metadata", "labels", "app"}} {
		if got := back.Position(path...); got != d.Position(path...) {
			t.Errorf("%v: got %v, want %v", path, got, d.Position(path...))
		}
	}
}

// What was rendered of a file stands where the file has it, except in lists that are others now.
func TestLocate(t *testing.T) {
	source := parse(t, `kind: Pod
metadata: {name: shop}
spec:
  containers:
  - name: shop
    env:
    - name: A
      value: a
    ports:
    - containerPort: 4369
`).Documents[0]
	rendered, err := manifest.FromJSON([]byte(`{"kind":"Pod","metadata":{"name":"shop","namespace":"ns"},"spec":{"replicas":1,"containers":[{"name":"shop",
		"env":[{"name":"NEW"},{"name":"A","value":"a"}],"ports":[{"containerPort":4369}]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	rendered.Locate(source)
	for path, want := range map[string]int{"": 1, "metadata namespace": 2, "spec replicas": 3, "spec containers 0": 5, "spec containers 0 env 1 value": 6, "spec containers 0 ports 0": 10} {
		var p []any
		for _, f := range strings.Fields(path) {
			if f == "0" || f == "1" {
				p = append(p, int(f[0]-'0'))
			} else {
				p = append(p, f)
			}
		}
		if got := rendered.Position(p...).Line; got != want {
			t.Errorf("%s stands in line %d, want %d", path, got, want)
		}
	}
	if got := source.Position("spec", "containers", 0, "env", 0, "value").Line; got != 8 {
		t.Errorf("the source has lost its lines: %d", got)
	}
}

// An error about a field names it and its types, and never what stands in it: that may be a cookie.
func TestFieldErrors(t *testing.T) {
	for spec, want := range map[string]string{
		"{replicas: three, template: {}}":                                           "spec.replicas is a string; Kubernetes has a whole number there",
		"{template: {spec: {containers: [{env: [{name: COOKIE, value: 12345}]}]}}}": "spec.template.spec.containers[0].env[0].value is a number; Kubernetes has a string (in quotes, where it looks like something else) there",
		"{template: {spec: {containers: {name: c}}}}":                               "spec.template.spec.containers is a mapping; Kubernetes has a list there",
		"{template: {spec: {hostNetwork: 7}}}":                                      "spec.template.spec.hostNetwork is a number; Kubernetes has true or false there",
		"{template: {metadata: {labels: {app: shop, tier: 2}}}}":                    "spec.template.metadata.labels.tier is a number; Kubernetes has a string (in quotes, where it looks like something else) there",
		"{template: {metadata: {labels: [a]}}}":                                     "spec.template.metadata.labels is a list; Kubernetes has a mapping there",
		"{replicas: 12345.5, template: {}}":                                         "spec.replicas is a number; Kubernetes has a whole number there",
	} {
		d := parse(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: "+spec+"\n").Documents[0]
		if d.Err == nil || d.Err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", spec, d.Err, want)
		}
	}
}

func TestPositionOfWhatHelmPrinted(t *testing.T) {
	s := parse(t, `---
# Source: shop/templates/svc.yaml
# a comment of the chart
apiVersion: v1
kind: Service
metadata: {name: shop}
---
# Source: shop/templates/sts.yaml

apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: shop
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bare}
`)
	for i, want := range []manifest.Position{{"shop/templates/svc.yaml", 4, true}, {"shop/templates/sts.yaml", 10, true}, {"shop.yaml", 15, false}} {
		if got := s.Documents[i].Position(); got != want {
			t.Errorf("document %d: got %+v, want %+v", i, got, want)
		}
	}
	if got := s.Documents[1].Position("metadata", "name"); got.Line != 13 || got.String() != "shop/templates/sts.yaml" {
		t.Errorf("got %+v, as text %s", got, got)
	}
	if s.Documents[1].Lines() != nil {
		t.Error("a line of the rendered stream is no line of the template, and none to record")
	}
	back, err := manifest.FromRecording([]byte(`{"kind":"StatefulSet"}`), "shop/templates/sts.yaml", nil)
	if err != nil || back.Position().String() != "shop/templates/sts.yaml" {
		t.Errorf("from a recording: %v, %v", back, err)
	}
}
