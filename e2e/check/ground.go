package check

import (
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

// tied ties the checks together: a cause "epmd/*" stands for all checks of that kind that come later, and whatever is
// not well rests on the manifests that its subject was made from.
func tied(all []Check) []Check {
	for i := range all {
		for code, ids := range all[i].Causes {
			all[i].Causes[code] = later(ids, all[i+1:])
		}
		all[i] = grounded(all[i])
	}
	return all
}

// later replaces each pattern by the ids that it fits.
func later(ids []string, rest []Check) []string {
	var out []string
	for _, id := range ids {
		prefix, open := strings.CutSuffix(id, "*")
		if !open {
			out = append(out, id)
			continue
		}
		for _, c := range rest {
			if strings.HasPrefix(c.ID, prefix) {
				out = append(out, c.ID)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kinds are the first words of the ids of what depends on a running VM, lowest first.
var kinds = []string{"dns", "probe", "epmd", "dist", "handshake", "mesh", "discovery", "recovery", "rollout", "console"}

// upFrom are all checks of that kind and of those above it, and what nodes say of themselves.
func upFrom(kind string) []string {
	ids := slices.Clone(settings)
	for _, k := range kinds[slices.Index(kinds, kind):] {
		ids = append(ids, k+"/*")
	}
	return ids
}

// settings are what a node says of its own distribution: to be heard it must be reached.
var settings = []string{"mesh/auto-connect", "mesh/connects-all", "mesh/ticktime-same", "mesh/partitions-prevented-same", "mesh/otp-spread"}

// whole is what needs the mesh, for causes that leave a node able to say how it is set.
var whole = []string{"mesh/none-hidden", "mesh/nobody-foreign", "mesh/one-component", "mesh/full", "mesh/links-*", "mesh/stable", "recovery/*", "rollout/*", "console/*"}

// grounded is the check whose findings name what their subjects rest on. One that passed needs no explanation.
func grounded(c Check) Check {
	judge := c.Judge
	c.Judge = func(v *view.View) []Finding {
		found := judge(v)
		if len(v.Objects("")) == 0 {
			return found
		}
		var g *ground
		for i := range found {
			f := &found[i]
			if f.Outcome != Fail && f.Outcome != Unseen {
				continue
			}
			if g == nil {
				g = newGround(v)
			}
			f.Of = slices.Concat(f.Of, g.under(f.Subject))
		}
		return found
	}
	return c
}

// ground knows which objects lie under which subject.
type ground struct {
	all  []Subject
	pods map[string][]Subject
}

func newGround(v *view.View) *ground {
	g := &ground{pods: map[string][]Subject{}}
	for _, o := range v.Objects("") {
		g.all = append(g.all, onObject(o.Kind, o.Name))
	}
	m := decode(v)
	for i := range m.services {
		g.all = append(g.all, Subject{Kind: "service", Name: m.services[i].Metadata.Name})
	}
	for _, p := range v.Pods() {
		g.pods[p.Name] = []Subject{onService(v)}
		for i := range m.workloads {
			w := &m.workloads[i]
			if !covers(p.Last().Labels, w.labels()) {
				continue
			}
			g.pods[p.Name] = append(g.pods[p.Name], w.subject())
			for _, name := range m.means(w) {
				g.pods[p.Name] = append(g.pods[p.Name], Subject{Kind: "service", Name: name})
			}
		}
	}
	return g
}

func (g *ground) under(s Subject) []Subject {
	switch s.Kind {
	case "pod":
		return g.pods[s.Name]
	case "pair":
		return slices.Concat(g.pods[s.Name], g.pods[s.Peer])
	default:
		return g.all
	}
}
