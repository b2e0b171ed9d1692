package workload

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// installs are helm's hooks whose objects an installation creates (https://helm.sh/docs/topics/charts_hooks/).
var installs = []string{"pre-install", "post-install", "crd-install"}

// installed takes out of a stream what helm prints and would not create in an installation: the pods of a chart's tests, a Job
// that clears up before the release is deleted. left says what that was, a sentence each.
func installed(manifests []byte) (rest []byte, left []string, err error) {
	rest, err = kept(manifests, func(o *yaml.Node) bool {
		hook := under(o, "metadata", "annotations", "helm.sh/hook")
		if hook == nil || slices.ContainsFunc(strings.Split(hook.Value, ","), func(h string) bool { return slices.Contains(installs, strings.TrimSpace(h)) }) {
			return true
		}
		left = append(left, fmt.Sprintf("%s %s is left out: it is a hook of helm's for %s, and an installation does not create it", value(o, "kind"), value(o, "metadata", "name"), hook.Value))
		return false
	})
	if len(left) == 0 {
		return manifests, nil, err // as it was written
	}
	return rest, left, err
}

// value is the text that the keys lead to, "" where there is none.
func value(o *yaml.Node, keys ...string) string {
	if n := under(o, keys...); n != nil {
		return n.Value
	}
	return ""
}
