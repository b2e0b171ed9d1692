// Package manifest is the one model of Kubernetes manifests. It parses each document once into a typed object of k8s.io/api,
// remembers in which file and line each field stands, and answers what Kubernetes would make of it: which workloads make
// pods, what a container's variables and files hold, which pods a Service, a NetworkPolicy or a role applies to.
//
// In: YAML or JSON, as bytes, with the name of the file ([Parse]), or an object as a recording holds it ([FromRecording]).
// Out: a [Set] of documents, and errors that name file, line and object. It reads no files, asks no cluster, renders
// nothing and gives no verdict: a check does that. It imports nothing of this module, and no client-go.
//
// What only the cluster knows is never guessed: a pod's IP, the value of a Secret, a ConfigMap that is not in the set. Values
// that depend on such things say so (see [Variable] and [File]).
package manifest

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

// Document is one object of the manifests.
type Document struct {
	APIVersion, Kind, Namespace, Name string

	// Raw is the whole object as the API server would read it; whole numbers are int64.
	Raw map[string]any
	// Object is the same as its type of k8s.io/api; nil for a kind that this package has no type for (a custom resource).
	Object runtime.Object
	// Err is why Object is not all of Raw: a field is not of the type that the API has for it.
	Err error

	file     string
	rendered bool
	lines    Lines
	line     func(int) string // names a line in messages
}

// String is the object as messages name it: "StatefulSet shop".
func (d *Document) String() string { return d.Kind + " " + d.Name }

// Set is an ordered list of documents, those of several files perhaps.
type Set struct{ Documents []*Document }

// Join is the documents of all sets, in their order.
func Join(sets ...*Set) *Set {
	all := &Set{}
	for _, s := range sets {
		if s != nil {
			all.Documents = append(all.Documents, s.Documents...)
		}
	}
	return all
}

// Of lists the documents of those kinds.
func (s *Set) Of(kinds ...string) []*Document {
	var all []*Document
	for _, d := range s.Documents {
		if slices.Contains(kinds, d.Kind) {
			all = append(all, d)
		}
	}
	return all
}

// Find is the first document of that kind and name, nil where there is none. A document that names no namespace may be in
// any, and with namespace "" any will do: where objects go is often decided when they are applied.
func (s *Set) Find(kind, namespace, name string) *Document {
	for _, d := range s.Documents {
		if d.Kind == kind && d.Name == name && SameNamespace(d.Namespace, namespace) {
			return d
		}
	}
	return nil
}

// SameNamespace reports whether two objects may be in one namespace. "" is one that is not known yet.
func SameNamespace(a, b string) bool { return a == "" || b == "" || a == b }

// find is the typed object of that kind and name.
func find[T runtime.Object](s *Set, kind, namespace, name string) (object T, there bool) {
	d := s.Find(kind, namespace, name)
	if d == nil {
		return object, false
	}
	object, there = d.Object.(T)
	return object, there
}
