package scenario

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/profile"
)

// Plan decides which scenarios of a workload are recorded.
type Plan struct {
	Profile *profile.Resolved
	Judged  []Name // those that the selected checks need
	Named   []Name // those that were requested; none: the default set
}

// Scenarios are those that are recorded, in order.
func (p Plan) Scenarios() (all []Scenario) {
	for _, s := range All() {
		if p.Omits(s) == "" {
			all = append(all, s)
		}
	}
	return all
}

// Omits says why a scenario is not recorded; "" if it is. The first is recorded whenever any other is: they begin with the mesh
// that it has formed.
func (p Plan) Omits(s Scenario) (why string) {
	first := s.Name == All()[0].Name
	switch {
	case len(p.Judged) == 0 || !first && !slices.Contains(p.Judged, s.Name):
		return "no selected check needs it"
	case first:
		return ""
	case len(p.Named) > 0 && !slices.Contains(p.Named, s.Name):
		return "other scenarios were requested"
	case s.OnRequest && !slices.Contains(p.Named, s.Name):
		return "it is recorded only if it is requested by name"
	}
	if s.Applies != nil {
		if ok, whyNot := s.Applies(p.Profile); !ok {
			return whyNot
		}
	}
	return ""
}

// Check returns an error if a name is not that of a scenario.
func Check(names []Name) error {
	var all []string
	for _, n := range Names() {
		all = append(all, string(n))
	}
	for _, n := range names {
		if !slices.Contains(all, string(n)) {
			return fmt.Errorf("unknown scenario %q; it must be one of %s", n, strings.Join(all, ", "))
		}
	}
	return nil
}
