package check

import (
	"slices"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

// Never is the check that no annotation covers: without it nothing says that there is a cluster.
const Never = "mesh/full"

// Ignore says that a check may fail for an object, and why. It is an annotation of the object ([manifest.IgnorePrefix]).
type Ignore struct {
	Object     Subject
	Annotation string
	Check      string
	Reason     string
	Place      *Place
}

// Ignores are those of all objects. One without a reason, or of the check that is never covered, is none.
func Ignores(v *view.View) []Ignore {
	all, _ := v.Once("ignores", func() any { return ignores(v) }).([]Ignore)
	return all
}

func ignores(v *view.View) []Ignore {
	var all []Ignore
	for _, o := range v.Objects("") {
		d, err := manifest.FromRecording(o.Manifest, o.File, o.Lines)
		if err != nil {
			continue // the checks say so
		}
		for _, i := range d.Ignores() {
			if i.Reason == "" || i.Check == Never {
				continue
			}
			one := Ignore{Object: OnObject(d.Kind, d.Name), Annotation: i.Annotation, Check: i.Check, Reason: i.Reason}
			if p := d.Position("metadata", "annotations", i.Annotation); p.File != "" {
				one.Place = &Place{File: p.File}
				if !p.Rendered {
					one.Place.Line = p.Line
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// Covering are the annotations that cover what a finding of a check is about, nil if it is not covered. An object is covered by its
// own, a pod by that of its workload, a pair by those of both; what is about all of the workload only if each of its objects has one.
func Covering(v *view.View, id string, s Subject) []Ignore {
	var objects []Subject
	switch s.Kind {
	case "object":
		objects = []Subject{s}
	case "service":
		objects = []Subject{OnObject("Service", s.Name)}
	case "pod":
		objects = makers(v, s.Name)
	case "pair":
		objects = slices.Concat(makers(v, s.Name), makers(v, s.Peer))
	default:
		for _, w := range v.Profile.Workloads {
			objects = append(objects, OnObject(w.Kind, w.Name))
		}
	}
	var all []Ignore
	for _, o := range objects {
		i := slices.IndexFunc(Ignores(v), func(i Ignore) bool { return i.Check == id && i.Object == o })
		if i < 0 {
			return nil
		}
		all = append(all, Ignores(v)[i])
	}
	return all
}

// makers is the workload of a pod. A pod that is not known has one that nothing covers.
func makers(v *view.View, name string) []Subject {
	for _, p := range v.Pods() {
		for _, w := range v.Profile.Workloads {
			if p.Name == name && manifest.Covers(p.Last().Labels, w.Labels) {
				return []Subject{OnObject(w.Kind, w.Name)}
			}
		}
	}
	return []Subject{{}}
}
