package workload

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// installs are the helm hooks whose objects an installation creates (https://helm.sh/docs/topics/charts_hooks/).
var installs = []string{"pre-install", "post-install", "crd-install"}

// Installed removes objects that helm prints but would not create in an installation: the pods of a chart's tests, a Job that
// cleans up before the release is deleted. left has a sentence about each.
func Installed(all *manifest.Set) (objects *manifest.Set, left []string) {
	objects = &manifest.Set{}
	for _, d := range all.Documents {
		hooks, is := annotation(d.Raw, "helm.sh/hook")
		if !is || slices.ContainsFunc(strings.Split(hooks, ","), func(h string) bool { return slices.Contains(installs, strings.TrimSpace(h)) }) {
			objects.Documents = append(objects.Documents, d)
			continue
		}
		left = append(left, fmt.Sprintf("%s is skipped: it is a helm hook for %s, which an installation does not create", d, hooks))
	}
	return objects, left
}

// annotation is one of an object's.
func annotation(object map[string]any, name string) (value string, there bool) {
	value, there = dict(dict(object["metadata"])["annotations"])[name].(string)
	return value, there
}
