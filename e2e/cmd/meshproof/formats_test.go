package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/reports"
)

// Manifests of each kind: what lint ends with, and text that its result has in every form.
var judgedApps = map[string]struct {
	app  string
	code int
	says string
}{
	"green":   {greenApp, exitcode.OK, ""},
	"red":     {redApp, exitcode.Fail, "manifest/name-per-pod"},
	"unknown": {notErlang, exitcode.Unknown, "nothing here speaks of Erlang"},
	"advice":  {strings.Replace(greenApp, "valueFrom: {secretKeyRef: {name: shop, key: cookie}}", "value: x", 1), exitcode.OK, "manifest/cookie-in-secret"},
	"suppressed": {strings.Replace(redApp, "metadata: {name: shop}", "metadata: {name: shop, annotations: {meshproof.dev/ignore.manifest.name-per-pod: a trial of one pod}}", 1),
		exitcode.OK, "a trial of one pod"},
	"useless": {strings.Replace(greenApp, "metadata: {name: shop}", "metadata: {name: shop, annotations: {meshproof.dev/ignore.manifest.name-per-pod: a trial}}", 1),
		exitcode.OK, "suppresses nothing"},
}

var (
	greenApp = strings.Replace(strangersApp, "env: [", "args: [-name, shop@$(POD_IP), -setcookie, $(RELEASE_COOKIE)], env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, ", 1)
	redApp   = strings.Replace(greenApp, "shop@$(POD_IP)", "shop@10.0.0.1", 1)
)

// Whatever the form, the exit code is the same, and what is wrong or suppressed is in it.
func TestExitCodeInEveryForm(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "")
	for name, c := range judgedApps {
		t.Chdir(repository(t, c.app))
		for _, form := range append([]string{""}, lintFormats...) {
			out, code, err := meshproof(t, "lint", "-o", form, ".")
			if err != nil || code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("%s in form %q: exit code %d, %v; want %d and %q in\n%s", name, form, code, err, c.code, c.says, out)
			}
			if form == "junit" && xml.Unmarshal([]byte(out), new(struct{})) != nil || form == "json" && !json.Valid([]byte(out)) {
				t.Errorf("%s is no %s:\n%s", name, form, out)
			}
		}
		if _, code, err := meshproof(t, "lint", "-o", "xml", "."); err == nil || code != exitcode.Usage {
			t.Errorf("another form: exit code %d, %v", code, err)
		}
	}
}

// repository is a folder that a Git repository has at its top, with the manifests two folders below.
func repository(t *testing.T, app string) string {
	t.Helper()
	dir := t.TempDir()
	for _, sub := range []string{".git", "deploy/k8s"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "deploy/k8s/my app.yaml"), []byte(app), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

type sarifFile struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Rules []struct {
					ID         string
					Help       struct{ Text string }
					Properties map[string]any
				}
			}
		}
		Results []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Locations []struct {
				PhysicalLocation *sarifPlace
			}
			PartialFingerprints map[string]string
			Suppressions        []struct{ Kind, Justification string }
		}
	}
}

type sarifPlace struct {
	ArtifactLocation struct{ URI, URIBaseID string }
	Region           *struct{ StartLine int }
}

func sarifOf(t *testing.T, args ...string) (sarifFile, string) {
	t.Helper()
	out, _, err := meshproof(t, append([]string{"lint", "-o", "sarif"}, args...)...)
	var f sarifFile
	if err != nil || json.Unmarshal([]byte(out), &f) != nil || len(f.Runs) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	return f, out
}

// asGitHubTakesIt holds what GitHub's code scanning asks beyond the schema: it refuses a log in which a result is at no file, and knows
// a finding again by one fingerprint only.
func asGitHubTakesIt(t *testing.T, name string, at *sarifPlace, fingerprints map[string]string, rule map[string]any) {
	t.Helper()
	switch {
	case at == nil || at.ArtifactLocation.URI == "" || at.ArtifactLocation.URIBaseID != "%SRCROOT%":
		t.Errorf("%s: it is nowhere: %+v", name, at)
	case strings.HasPrefix(at.ArtifactLocation.URI, "/") || strings.Contains(at.ArtifactLocation.URI, ".."):
		t.Errorf("%s: %s is not below the root", name, at.ArtifactLocation.URI)
	case !strings.HasSuffix(fingerprints["primaryLocationLineHash"], ":1"):
		t.Errorf("%s: the fingerprints are %v", name, fingerprints)
	case rule["problem.severity"] == nil || rule["precision"] == nil:
		t.Errorf("%s: the rule's properties are %v", name, rule)
	}
}

// SARIF is valid against its schema, with everything that lint can say.
func TestSARIFIsValid(t *testing.T) {
	data, err := os.ReadFile("../../../reports/testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err = compiler.AddResource("sarif.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(out string) error {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		if err != nil {
			return err
		}
		return schema.Validate(v)
	}
	for name, c := range judgedApps {
		t.Chdir(repository(t, c.app))
		f, out := sarifOf(t, ".")
		if err := valid(out); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		for _, r := range f.Runs[0].Results {
			rule := f.Runs[0].Tool.Driver.Rules[r.RuleIndex]
			if rule.ID != r.RuleID || !strings.Contains(rule.Help.Text, "meshproof explain "+r.RuleID) || len(r.PartialFingerprints) != 2 {
				t.Errorf("%s: %+v has the rule %+v", name, r, rule)
			}
			asGitHubTakesIt(t, name, r.Locations[0].PhysicalLocation, r.PartialFingerprints, rule.Properties)
		}
		if err := valid(strings.Replace(out, `"ruleIndex": `, `"ruleIndex": -7`, 1)); len(f.Runs[0].Results) > 0 && err == nil {
			t.Error("the schema takes everything")
		}
	}
}

// A result is at its line, from the root of the repository, and is the same finding where lines above were added.
func TestSARIFPlaces(t *testing.T) {
	dir := repository(t, redApp)
	t.Chdir(filepath.Join(dir, "deploy"))
	before, _ := sarifOf(t, "k8s")
	if err := os.WriteFile("k8s/my app.yaml", []byte("# a comment\n\n"+redApp), 0o600); err != nil {
		t.Fatal(err)
	}
	after, _ := sarifOf(t, dir) // by its absolute path
	a, b := before.Runs[0].Results[0], after.Runs[0].Results[0]
	if a.RuleID != "manifest/name-per-pod" || a.Level != "error" || a.PartialFingerprints["meshproofFinding/v1"] == "" {
		t.Fatalf("%+v", a)
	}
	for i, r := range []*sarifPlace{a.Locations[0].PhysicalLocation, b.Locations[0].PhysicalLocation} {
		if r == nil || r.ArtifactLocation.URI != "deploy/k8s/my%20app.yaml" || r.Region == nil || r.Region.StartLine != 11+2*i {
			t.Errorf("it is at %+v", r)
		}
	}
	if a.PartialFingerprints["meshproofFinding/v1"] != b.PartialFingerprints["meshproofFinding/v1"] {
		t.Errorf("two findings: %v, %v", a.PartialFingerprints, b.PartialFingerprints)
	}
}

// Of a chart the template is named that "# Source:" says, without a line; of a stream that it is one.
func TestSARIFOfAStream(t *testing.T) {
	dir := repository(t, greenApp)
	if err := os.MkdirAll(filepath.Join(dir, "charts/shop/templates"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "charts/shop/templates/app.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for text, want := range map[string]string{"---\n# Source: shop/templates/app.yaml\n" + redApp: "charts/shop/templates/app.yaml", redApp: "standard-input"} {
		code := 0
		var b bytes.Buffer
		c := root(&code)
		c.SetArgs([]string{"lint", "-o", "sarif", "-"})
		c.SetOut(&b)
		c.SetIn(strings.NewReader(text))
		var f sarifFile
		if err := c.ExecuteContext(t.Context()); err != nil || code != exitcode.Fail || json.Unmarshal(b.Bytes(), &f) != nil {
			t.Fatalf("exit code %d, %v\n%s", code, err, b.String())
		}
		place := f.Runs[0].Results[0].Locations[0].PhysicalLocation
		if place == nil || place.ArtifactLocation.URI != want || place.Region != nil {
			t.Errorf("it is at %+v, wanted %q", place, want)
		}
	}
}

// A place is in every form that has places.
func TestPlacesInEveryForm(t *testing.T) {
	t.Setenv("GITHUB_ACTIONS", "")
	t.Chdir(repository(t, redApp))
	for form, want := range map[string]string{"text": "\n             at: deploy/k8s/my app.yaml:11\n", "github": "::error file=deploy/k8s/my app.yaml,line=11,title=shop%3A manifest/name-per-pod::",
		"junit": "at: deploy/k8s/my app.yaml:11", "json": `"file": "deploy/k8s/my app.yaml"`} {
		if out, _, err := meshproof(t, "lint", "-o", form, "."); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %q is not in\n%s", form, err, want, out)
		}
	}
}

// An annotation that would cover nothing is an error, before anything is judged.
func TestAnnotationsThatCoverNothing(t *testing.T) {
	for annotation, says := range map[string]string{
		"meshproof.dev/ignore.manifest.name-per-pd: x":   `my app.yaml:3: annotation meshproof.dev/ignore.manifest.name-per-pd of Deployment shop: unknown check "manifest/name-per-pd", did you mean "manifest/name-per-pod"?`,
		"meshproof.dev/ignore.manifest.name-per-pod: ''": "annotation meshproof.dev/ignore.manifest.name-per-pod of Deployment shop has no reason",
		"meshproof.dev/ignore.mesh.full: x":              "mesh/full is never ignored",
		"meshproof.dev/ignore: x":                        `unknown check ""`,
		"meshproof.dev/ignored.manifest.not-exposed: x":  "unknown check",
	} {
		dir := repository(t, strings.Replace(redApp, "metadata: {name: shop}", "metadata: {name: shop, annotations: {"+annotation+"}}", 1))
		if _, code, err := meshproof(t, "lint", dir); err == nil || code != exitcode.Usage || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: exit code %d, %v", annotation, code, err)
		}
	}
	dir := repository(t, strings.Replace(redApp, "metadata: {labels: {app: shop}}", "metadata: {labels: {app: shop}, annotations: {meshproof.dev/ignore.manifest.name-per-pod: x}}", 1))
	if _, code, err := meshproof(t, "lint", dir); err == nil || code != exitcode.Usage || !strings.Contains(err.Error(), "in the template of the pods, where it has no effect") {
		t.Errorf("exit code %d, %v", code, err)
	}
}

// Only the object with the annotation is covered: another one that fails is red.
func TestAnAnnotationCoversItsObject(t *testing.T) {
	annotated := strings.Replace(redApp, "metadata: {name: shop}", "metadata: {name: shop, annotations: {meshproof.dev/ignore.manifest.name-per-pod: a trial}}", 1)
	deployment, _, _ := strings.Cut(redApp, "---")
	other := strings.Replace(deployment, "metadata: {name: shop}", "metadata: {name: worker}", 1)
	dir := repository(t, annotated+"---\n"+other)
	out, code, err := meshproof(t, "lint", "-o", "json", dir)
	var r reports.Run
	if err != nil || code != exitcode.Fail || json.Unmarshal([]byte(out), &r) != nil || !strings.Contains(out, `"verdict": "suppressed"`) || !strings.Contains(out, `"reason": "a trial"`) {
		t.Errorf("exit code %d, %v\n%s", code, err, out)
	}
}

// The hook that other repositories name runs what there is.
func TestPreCommitHook(t *testing.T) {
	data, err := os.ReadFile("../../../.pre-commit-hooks.yaml")
	var hooks []struct {
		ID, Name, Language, Entry string
		Args                      []string
		PassFilenames             bool `yaml:"pass_filenames"`
	}
	if err != nil || yaml.Unmarshal(data, &hooks) != nil || len(hooks) != 1 || hooks[0].Language != "golang" || hooks[0].PassFilenames {
		t.Fatalf("%v, %+v", err, hooks)
	}
	words := append(strings.Fields(hooks[0].Entry), hooks[0].Args...)
	if words[0] != "meshproof" {
		t.Fatalf("it runs %s", words[0])
	}
	for _, name := range []string{"green", "red"} {
		t.Chdir(repository(t, judgedApps[name].app))
		if out, code, err := meshproof(t, words[1:]...); err != nil || code != judgedApps[name].code {
			t.Errorf("%s: exit code %d, %v\n%s", name, code, err, out)
		}
	}
}

func TestExplain(t *testing.T) {
	out, code, err := meshproof(t, "explain", "manifest/name-per-pod")
	for _, want := range []string{"The workload gives each pod its own node name.", "\n  same-name\n    to do: take the host of the name from the pod: $(POD_NAME).SERVICE.NAMESPACE.svc.cluster.local in a StatefulSet", "meshproof.dev/ignore.manifest.name-per-pod: REASON", "waive: {manifest/name-per-pod: REASON}", "required: ", "It is judged by lint, too"} {
		if err != nil || code != exitcode.OK || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %v: %q is not in\n%s", code, err, want, out)
		}
	}
	if out, _, err = meshproof(t, "explain", "mesh/full"); err != nil || !strings.Contains(out, "never suppressed") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{{"explain"}, {"explain", "mesh/ful"}} {
		if _, code, err := meshproof(t, args...); err == nil || code != exitcode.Usage {
			t.Errorf("%v: exit code %d, %v", args, code, err)
		}
	}
	if _, _, err := meshproof(t, "explain", "mesh/ful"); !strings.Contains(err.Error(), `did you mean "mesh/full"?`) {
		t.Error(err)
	}
}
