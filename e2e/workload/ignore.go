package workload

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// unignored is the check that no annotation covers.
const unignored = "mesh/full"

// Ignores returns an error about an annotation by which an object says that a check may fail for it, and that would cover nothing: a
// misspelt id, no reason, at the wrong place.
func (l Loader) Ignores(all *manifest.Set) error {
	for _, d := range all.Documents {
		if w := d.Workload(); w != nil && d.Kind != "Pod" {
			for name := range w.Template.Annotations {
				if strings.HasPrefix(name, manifest.IgnorePrefix) {
					return fmt.Errorf("%s: annotation %s is in the template of the pods, where it has no effect: move it to metadata.annotations of %s", d.At(w.PodPath("metadata", "annotations", name)...), name, d)
				}
			}
		}
		for _, i := range d.Ignores() {
			at := d.At("metadata", "annotations", i.Annotation)
			switch {
			case l.Checks != nil && !slices.Contains(l.Checks, i.Check):
				return fmt.Errorf("%s: annotation %s of %s: unknown check %q%s (meshproof checks lists all checks; the slash of an id is a dot here)", at, i.Annotation, d, i.Check, profile.Meant(i.Check, l.Checks))
			case i.Check == unignored:
				return fmt.Errorf("%s: annotation %s of %s: %s is never ignored, because without it nothing shows a cluster; if no full mesh is meant to form, say so in the profile: expect: {topology: …}", at, i.Annotation, d, i.Check)
			case i.Reason == "":
				return fmt.Errorf("%s: annotation %s of %s has no reason: write why %s may fail for it", at, i.Annotation, d, i.Check)
			}
		}
	}
	return nil
}
