package workload

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// installs are helm's hooks whose objects an installation creates (https://helm.sh/docs/topics/charts_hooks/).
var installs = []string{"pre-install", "post-install", "crd-install"}

// Installed takes out what helm prints and would not create in an installation: the pods of a chart's tests, a Job that clears
// up before the release is deleted. left says what that was, a sentence each.
func Installed(all *manifest.Set) (objects *manifest.Set, left []string) {
	objects = &manifest.Set{}
	for _, d := range all.Documents {
		hooks, is := annotation(d.Raw, "helm.sh/hook")
		if !is || slices.ContainsFunc(strings.Split(hooks, ","), func(h string) bool { return slices.Contains(installs, strings.TrimSpace(h)) }) {
			objects.Documents = append(objects.Documents, d)
			continue
		}
		left = append(left, fmt.Sprintf("%s is left out: it is a hook of helm's for %s, and an installation does not create it", d, hooks))
	}
	return objects, left
}

// annotation is one of an object's.
func annotation(object map[string]any, name string) (value string, there bool) {
	value, there = dict(dict(object["metadata"])["annotations"])[name].(string)
	return value, there
}
