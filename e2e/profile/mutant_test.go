package profile

import (
	"strings"
	"testing"
	"time"
)

const mutant = `apiVersion: meshproof.dev/v1alpha1
kind: Mutant
metadata: {name: m}
spec:
  base: dns-a
  why: it happens
`

const killer = "  expect: [{check: a/b, diagnosis: c}]\n"

func TestMutantMustBreakSomethingAndExpectAFailedCheck(t *testing.T) {
	for name, c := range map[string]struct{ spec, says string }{
		"broken":                        {"  break: {patches: [p.yaml]}\n" + killer, ""},
		"a double":                      {"  break: {patches: [p.yaml]}\n  expect: [{check: a/b, diagnosis: c}, {check: d/e, diagnosis: f}]\n", ""},
		"by a blip":                     {"  injections: [{at: formed, do: blip, for: 5ms}]\n" + killer, ""},
		"by a reset":                    {"  injections: [{at: full, do: reset, for: 5s}]\n" + killer, ""},
		"a blip without an end":         {"  injections: [{at: formed, do: blip}]\n" + killer, "needs a duration in for"},
		"a blip while the pods start":   {"  injections: [{at: start, do: blip, for: 5ms}]\n" + killer, "at must be full or formed"},
		"by an injection":               {"  injections: [{at: start, do: drop-in, pods: all, port: 10000}]\n" + killer, ""},
		"a command":                     {"  injections: [{at: formed, do: exec, run: [\"true\"], watch: 10s}]\n" + killer, ""},
		"a healthy oddity":              {"  healthy: true\n  shape: {resources: [r.yaml]}\n", ""},
		"a healthy injection":           {"  healthy: true\n  injections: [{at: full, do: exec, run: [\"true\"]}]\n", ""},
		"a broken harness":              {"  harness: exec-fails\n  unknown: [a/b]\n", ""},
		"a harness that must manage":    {"  harness: stream-cut\n  healthy: true\n", ""},
		"nothing":                       {killer, "must break something"},
		"nothing that notices":          {"  break: {patches: [p.yaml]}\n", "spec.expect is empty"},
		"half an expectation":           {"  break: {patches: [p.yaml]}\n  expect: [{check: a/b}]\n", "check and diagnosis are required"},
		"no such harness":               {"  harness: exec-fail\n  unknown: [a/b]\n", "must be one of observer-killed"},
		"a harness that may pass":       {"  harness: exec-fails\n", "spec.unknown is empty"},
		"toothless without a fault":     {"  harness: toothless\n  unknown: [a/b]\n", "could have no effect"},
		"a watch cut in a recovery":     {"  harness: watch-cut\n  unknown: [a/b]\n  scenarios: [formation, recovery]\n", ""},
		"a watch cut in no recovery":    {"  harness: watch-cut\n  unknown: [a/b]\n  scenarios: [formation]\n", "does not contain recovery"},
		"healthy and broken":            {"  healthy: true\n  break: {patches: [p.yaml]}\n", "must not set break or expect"},
		"healthy, same as the base":     {"  healthy: true\n", "the same as its base"},
		"by the next version":           {"  rollout: [p.yaml]\n" + killer, ""},
		"an object that is deleted":     {"  injections: [{at: formed, do: delete, object: Role/derl}]\n" + killer, ""},
		"an object without a kind":      {"  injections: [{at: formed, do: delete, object: derl}]\n" + killer, "KIND/NAME"},
		"an injection at no time":       {"  injections: [{do: drop-dns}]\n" + killer, "at is"},
		"an injection there is not":     {"  injections: [{at: full, do: kill}]\n" + killer, "do is"},
		"an injection on some pods":     {"  injections: [{at: full, do: drop-dns, pods: two}]\n" + killer, "pods is"},
		"a port that is none":           {"  injections: [{at: full, do: drop-in, port: 65536}]\n" + killer, "needs a port"},
		"a command for a time":          {"  injections: [{at: full, do: exec, run: [\"true\"], for: 5s}]\n" + killer, "for is for network faults"},
		"a fault for a time at first":   {"  injections: [{at: start, do: drop-dns, for: 5s}]\n" + killer, "for is for network faults"},
		"a fault for too long":          {"  injections: [{at: full, do: drop-dns, for: 5m}]\n" + killer, "longer than a minute"},
		"a fault for a time, and more":  {"  injections: [{at: full, do: drop-dns, for: 5s}, {at: full, do: drop-dns}]\n" + killer, "there must be no other"},
		"a command before there is":     {"  injections: [{at: start, do: exec, run: [\"true\"]}]\n" + killer, "exec needs"},
		"a command everywhere":          {"  injections: [{at: full, do: exec, run: [\"true\"], pods: all}]\n" + killer, "possible on one pod only"},
		"an injection watched for ever": {"  injections: [{at: full, do: drop-dns, watch: 2h}]\n" + killer, "longer than a minute"},
		"watched for ever":              {"  break: {patches: [p.yaml]}\n  watch: 3h\n" + killer, "longer than two minutes"},
		"a mesh of one":                 {"  replicas: 1\n  break: {patches: [p.yaml]}\n" + killer, "a mesh needs at least two nodes"},
		"a key there is not":            {"  breaks: {patches: [p.yaml]}\n" + killer, `did you mean "break"`},
	} {
		m, err := DecodeMutant("m.yaml", []byte(mutant+c.spec))
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "m.yaml")):
			t.Errorf("%s: error %v, want one that says %q", name, err, c.says)
		case err == nil && name == "a command":
			if d := m.Spec.Injections[0]; d.Pods != "one" || d.Watch.D() != 10*time.Second || d.Packets() {
				t.Errorf("%+v", d)
			}
		}
	}
	if _, err := DecodeMutant("m.yaml", []byte(strings.Replace(mutant, "why", "base2", 1))); err == nil {
		t.Error("a mutant without a reason is taken")
	}
}

// A selector that matches nothing must not hide the Service that discovery asks for.
func TestTheOnlyHeadlessServiceIsTheOneAskedFor(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	const deployment = "kind: Deployment\nmetadata: {name: d}\nspec: {template: {metadata: {labels: {app: a}}}}\n"
	service := func(name, spec string) string {
		return "---\nkind: Service\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
	}
	for name, c := range map[string]struct{ manifests, want string }{
		"a typo":            {service("s", "{clusterIP: None, selector: {app: aa}}"), "s"},
		"not headless":      {service("s", "{selector: {app: aa}}"), ""},
		"two":               {service("s", "{clusterIP: None, selector: {app: aa}}") + service("t", "{clusterIP: None, selector: {app: bb}}"), ""},
		"one that is right": {service("s", "{clusterIP: None, selector: {app: aa}}") + service("t", "{selector: {app: a}}"), "t"},
	} {
		r, err := resolve(p, deployment+c.manifests)
		if err != nil || r.Service != c.want {
			t.Errorf("%s: Service %q (%v), want %q", name, r.Service, err, c.want)
		}
	}
}
