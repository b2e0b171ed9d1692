package inspect

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
)

// Target is what to inspect in a namespace. The zero value is every cluster in it.
type Target struct {
	Kind, Name string          // "Deployment", "shop"
	Selector   labels.Selector // of pods; nil: none
}

// kinds are the words for the kinds of a target, as kubectl has them.
var kinds = map[string]string{ //nolint:gochecknoglobals // a table that nothing changes
	"deploy": "Deployment", "deployment": "Deployment", "deployments": "Deployment", "deployment.apps": "Deployment", "deployments.apps": "Deployment",
	"sts": "StatefulSet", "statefulset": "StatefulSet", "statefulsets": "StatefulSet", "statefulset.apps": "StatefulSet", "statefulsets.apps": "StatefulSet",
	"ds": "DaemonSet", "daemonset": "DaemonSet", "daemonsets": "DaemonSet", "daemonset.apps": "DaemonSet", "daemonsets.apps": "DaemonSet",
}

// ParseTarget reads "deploy/NAME" and the value of -l; at most one of them is given. The error has code Usage.
func ParseTarget(name, selector string) (Target, error) {
	t, err := parseTarget(name, selector)
	return t, exitcode.With(exitcode.Usage, err)
}

func parseTarget(name, selector string) (t Target, err error) {
	switch {
	case name != "" && selector != "":
		return t, fmt.Errorf("%s and -l %s both say what to inspect: leave out one of the two", name, selector)
	case selector != "":
		if t.Selector, err = labels.Parse(selector); err != nil {
			return t, fmt.Errorf("-l %s is no label selector: give one such as app=shop (%w)", selector, err)
		}
		if t.Selector.Empty() {
			return t, errors.New("-l selects everything: leave it out to inspect the whole namespace")
		}
		return t, nil
	case name == "":
		return t, nil
	}
	kind, of, slash := strings.Cut(name, "/")
	t = Target{Kind: kinds[strings.ToLower(kind)], Name: of}
	if !slash || t.Kind == "" || of == "" || strings.Contains(of, "/") {
		return t, fmt.Errorf("%q names no workload: use deploy/NAME, sts/NAME, ds/NAME or -l SELECTOR; with none of them the whole namespace is inspected", name)
	}
	return t, nil
}

// String is the target as it was given.
func (t Target) String() string {
	switch {
	case t.Selector != nil:
		return "-l " + t.Selector.String()
	case t.Name != "":
		return t.Kind + "/" + t.Name
	}
	return ""
}

// chosen reports whether a workload is meant; nil where all are.
func (t Target) chosen() func(w *manifest.Workload) bool {
	switch {
	case t.Selector != nil:
		return func(w *manifest.Workload) bool { return t.Selector.Matches(labels.Set(w.Labels())) }
	case t.Name != "":
		return func(w *manifest.Workload) bool { return w.Kind == t.Kind && w.Name == t.Name }
	}
	return nil
}
