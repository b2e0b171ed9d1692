package objects

import (
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

// WithDependencies adds to the findings of the check the manifests on which their subjects depend.
// A finding that passed needs no explanation.
func WithDependencies(c check.Check) check.Check {
	judge := c.Judge
	c.Judge = func(v *view.View) []check.Finding {
		found := judge(v)
		if len(v.Objects("")) == 0 {
			return found
		}
		var d *dependencies
		for i := range found {
			f := &found[i]
			if f.Outcome != check.Fail && f.Outcome != check.Unseen {
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

// dependencies finds the objects from which each subject was created.
type dependencies struct {
	all  []check.Subject
	pods map[string][]check.Subject
}

func newDependencies(v *view.View) *dependencies {
	d := &dependencies{pods: map[string][]check.Subject{}}
	for _, o := range v.Objects("") {
		d.all = append(d.all, check.OnObject(o.Kind, o.Name))
	}
	m := Read(v)
	for _, s := range m.Services() {
		d.all = append(d.all, check.Subject{Kind: "service", Name: s.Name})
	}
	for _, p := range v.Pods() {
		d.pods[p.Name] = []check.Subject{check.OnService(v)}
		for _, w := range m.Workloads() {
			if !manifest.Covers(p.Last().Labels, w.Labels()) {
				continue
			}
			d.pods[p.Name] = append(d.pods[p.Name], check.OnObject(w.Kind, w.Name))
			for _, name := range m.Means(w) {
				d.pods[p.Name] = append(d.pods[p.Name], check.Subject{Kind: "service", Name: name})
			}
		}
	}
	return d
}

func (d *dependencies) of(s check.Subject) []check.Subject {
	switch s.Kind {
	case "pod":
		return d.pods[s.Name]
	case "pair":
		return slices.Concat(d.pods[s.Name], d.pods[s.Peer])
	default:
		return d.all
	}
}
