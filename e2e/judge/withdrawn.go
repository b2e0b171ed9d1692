package judge

import (
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/view"
)

// withdrawn takes back what a run refutes: the manifests look as if no mesh could form, and one was seen to form. Something that they
// do not show makes it work, such as a search list that completes short names.
func withdrawn(c check.Check, v *view.View, found []check.Finding) []check.Finding {
	if !c.Refutable || v.MeansNoMesh() {
		return found
	}
	at, formed := v.FirstFull(0)
	if !formed && v.Inspected() && evidence.LinkedOf(v).Whole() {
		at, formed = v.End(), true
	}
	if !formed {
		return found
	}
	found = slices.Clone(found)
	for i, f := range found {
		if f.Outcome == check.Fail {
			found[i] = check.Finding{Subject: f.Subject, Outcome: check.NotApplicable,
				Message: fmt.Sprintf("withdrawn, because all nodes saw each other at %.1f s: %s", at.Seconds(), f.Message)}
		}
	}
	return found
}
