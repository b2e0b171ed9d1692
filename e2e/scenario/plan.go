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
	Named   []Name // those that were requested, or Everything; none: the default set
	Nodes   int    // of the cluster, if this run has made it; 0 for a cluster that is not ours
}

// Everything requests all scenarios that apply.
const Everything Name = "all"

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
	case len(p.Named) > 0 && !p.named(s.Name):
		return "other scenarios were requested"
	case s.OnRequest && !p.named(s.Name):
		return "it is recorded only if it is requested by name"
	case s.Nodes > 0 && p.Nodes == 0:
		return "it changes nodes of the cluster, and this run has not made the cluster"
	case s.Nodes > p.Nodes:
		return fmt.Sprintf("it needs %d nodes, and the cluster has %d (NODES=%d)", s.Nodes, p.Nodes, s.Nodes)
	}
	if s.Applies != nil {
		if ok, whyNot := s.Applies(p.Profile); !ok {
			return whyNot
		}
	}
	return ""
}

func (p Plan) named(name Name) bool {
	return slices.Contains(p.Named, name) || slices.Contains(p.Named, Everything) && !slices.Contains(p.Named, "-"+name)
}

// Check returns an error if a name is neither that of a scenario nor "all". After "all", "-NAME" leaves one out.
func Check(names []Name) error {
	var all []string
	for _, n := range Names() {
		all = append(all, string(n))
	}
	for _, n := range names {
		if left, out := strings.CutPrefix(string(n), "-"); out && slices.Contains(names, Everything) && slices.Contains(all, left) {
			continue
		}
		if n != Everything && !slices.Contains(all, string(n)) {
			return fmt.Errorf("unknown scenario %q; it must be one of %s, or %s", n, strings.Join(all, ", "), Everything)
		}
	}
	return nil
}
