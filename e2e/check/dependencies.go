package check

import (
	"slices"

	"meshproof.dev/meshproof/e2e/view"
)

// withDependencies is the check whose findings name what their subjects depend on: whatever is not well rests on the manifests
// that its subject was made from. One that passed needs no explanation.
func withDependencies(c Check) Check {
	judge := c.Judge
	c.Judge = func(v *view.View) []Finding {
		found := judge(v)
		if len(v.Objects("")) == 0 {
			return found
		}
		var d *dependencies
		for i := range found {
			f := &found[i]
			if f.Outcome != Fail && f.Outcome != Unseen {
				continue
			}
			if d == nil {
				d = newDependencies(v)
			}
			f.Of = slices.Concat(f.Of, d.of(f.Subject))
		}
		return found
	}
	return c
}

// dependencies knows from which objects each subject was made.
type dependencies struct {
	all  []Subject
	pods map[string][]Subject
}

func newDependencies(v *view.View) *dependencies {
	d := &dependencies{pods: map[string][]Subject{}}
	for _, o := range v.Objects("") {
		d.all = append(d.all, onObject(o.Kind, o.Name))
	}
	m := decode(v)
	for i := range m.services {
		d.all = append(d.all, Subject{Kind: "service", Name: m.services[i].Metadata.Name})
	}
	for _, p := range v.Pods() {
		d.pods[p.Name] = []Subject{onService(v)}
		for i := range m.workloads {
			w := &m.workloads[i]
			if !covers(p.Last().Labels, w.labels()) {
				continue
			}
			d.pods[p.Name] = append(d.pods[p.Name], w.subject())
			for _, name := range m.means(w) {
				d.pods[p.Name] = append(d.pods[p.Name], Subject{Kind: "service", Name: name})
			}
		}
	}
	return d
}

func (d *dependencies) of(s Subject) []Subject {
	switch s.Kind {
	case "pod":
		return d.pods[s.Name]
	case "pair":
		return slices.Concat(d.pods[s.Name], d.pods[s.Peer])
	default:
		return d.all
	}
}
