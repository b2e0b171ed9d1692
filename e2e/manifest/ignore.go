package manifest

import (
	"maps"
	"slices"
	"strings"
)

// IgnorePrefix begins an annotation by which an object says that a check may fail for it, and why:
//
//	meshproof.dev/ignore.manifest.cookie-in-secret: the cookie is no secret in this test
//
// A name of an annotation has no second slash, so the id of the check has a dot in the place of its slash.
const IgnorePrefix = "meshproof.dev/ignore."

// Ignore is one such annotation.
type Ignore struct {
	Annotation string // its whole name
	Check      string // the id of the check
	Reason     string
}

// Ignores are the annotations of the object by which it says that checks may fail for it, and those that look like one.
func (d *Document) Ignores() []Ignore {
	meta, _ := d.Raw["metadata"].(map[string]any)
	annotations, _ := meta["annotations"].(map[string]any)
	var all []Ignore
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		if id, is := strings.CutPrefix(name, strings.TrimSuffix(IgnorePrefix, ".")); is {
			reason, _ := annotations[name].(string)
			all = append(all, Ignore{name, strings.Replace(strings.TrimPrefix(id, "."), ".", "/", 1), strings.TrimSpace(reason)})
		}
	}
	return all
}
