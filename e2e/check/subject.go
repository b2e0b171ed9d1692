package check

import (
	"slices"

	"meshproof.dev/meshproof/e2e/view"
)

// Subject is what a finding is about.
type Subject struct {
	Kind string `json:"kind"` // "pod", "pair", "service", "image", "workload"
	Name string `json:"name"`
	Peer string `json:"peer,omitempty"` // of a pair: from Name to Peer
}

// String names the subject for people.
func (s Subject) String() string {
	if s.Kind == "pair" {
		return s.Name + " -> " + s.Peer
	}
	return s.Kind + " " + s.Name
}

// Parts are the subjects that this one consists of.
func (s Subject) Parts() []Subject {
	if s.Kind == "pair" {
		return []Subject{{Kind: "pod", Name: s.Name}, {Kind: "pod", Name: s.Peer}}
	}
	return nil
}

// OnPod is the subject that stands for the pod and its node.
func OnPod(p *view.Pod) Subject { return Subject{Kind: "pod", Name: p.Name} }

// OnPair is the subject that stands for the connection from p to q.
func OnPair(p, q *view.Pod) Subject { return Subject{Kind: "pair", Name: p.Name, Peer: q.Name} }

// OnService is the subject that stands for the Service by which nodes find each other.
func OnService(v *view.View) Subject {
	if v.Profile.Service == "" {
		return Subject{Kind: "service", Name: "(none)"}
	}
	return Subject{Kind: "service", Name: v.Profile.Service}
}

// OnWorkload is the subject that stands for all of the workload.
func OnWorkload(v *view.View) Subject { return Subject{Kind: "workload", Name: v.Profile.Name} }

// Images are the images that every pod of the workload depends on.
func Images(v *view.View) []Subject {
	var all []Subject
	for _, im := range v.Images() {
		all = append(all, Subject{Kind: "image", Name: im.Name})
	}
	return all
}

// PairsTo are the connections to p from all others. Our own probe of p's node needs the same epmd and the same port.
func PairsTo(v *view.View, p *view.Pod) []Subject {
	var all []Subject
	for _, q := range Members(v) {
		if q != p {
			all = append(all, OnPair(q, p))
		}
	}
	return all
}

// OnObject is the subject that stands for an object of the manifests.
func OnObject(kind, name string) Subject { return Subject{Kind: "object", Name: kind + "/" + name} }

// OnGroup is the subject that stands for a part of the mesh, named by its first pod.
func OnGroup(pods []*view.Pod) Subject { return Subject{Kind: "group", Name: "of " + pods[0].Name} }

// Everything are all subjects of a mesh.
func Everything(v *view.View) []Subject {
	all, _ := v.Once("everything", func() any { return slices.Clip(newEverything(v)) }).([]Subject)
	return all
}

func newEverything(v *view.View) []Subject {
	all := []Subject{OnService(v), OnWorkload(v)}
	pods := Members(v)
	for _, g := range MeshSnapshot(v).Groups()[1:] {
		all = append(all, OnGroup(g))
	}
	for _, p := range pods {
		all = append(all, OnPod(p))
		for _, q := range pods {
			if p != q {
				all = append(all, OnPair(p, q))
			}
		}
	}
	return append(all, Images(v)...)
}
