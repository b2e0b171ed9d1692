// Package ownership says what on a cluster belongs to which run, and removes what belongs to a run.
//
// Everything that a run makes has its label, and an owner reference to one object: the run's root, a ClusterRole that owns nothing
// else and has no finalizer. When the root is deleted, Kubernetes' garbage collector removes all the rest. On a cluster that is not
// ours the root is also all that the run's reaper may delete (package reaper): a run that was killed is removed by its cluster.
// A run that works within one namespace of somebody else makes nothing outside of it: there the root is the Lease.
//
// In: a cluster, a run's name. Out: objects with label and owner, and the removal of exactly those. It changes no object without
// the label, and deletes an object only by its UID. It gives no verdict: what cannot be removed is an error that names it.
package ownership

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// Label marks what is ours; its value is the run's name.
	Label = "meshproof.dev/run"
	// results is the root's annotation with the name of the run's results.
	results = "meshproof.dev/results"

	rbacAPI         = "rbac.authorization.k8s.io"
	coordinationAPI = "coordination.k8s.io"

	// withinLease is the name of the Lease of a run within a namespace. All such runs use this name: the API server lets only one of
	// them create it.
	withinLease = "meshproof"
)

// Run is what owns the objects of one run.
type Run struct {
	// Name is different in each run. It is also the name of the root, the run's namespace, and the Lease in it.
	Name string
	// Within is the existing namespace that the run works in alone; "" where the run has a namespace of its own.
	Within string
	// Root is the root's UID, "" where there is none: what the run makes has only the label then.
	Root types.UID
	// PullSecret is the name of the Secret, in each namespace of the run, with which its pods' images are pulled; "" none is needed.
	PullSecret string
}

// New is a run with a name that no other has.
func New() *Run {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, see its documentation
	return &Run{Name: "meshproof-run-" + hex.EncodeToString(b[:])}
}

// NewWithin is a run that works in an existing namespace alone.
func NewWithin(namespace string) *Run {
	r := New()
	r.Within = namespace
	return r
}

// Namespace is where the run's Lease, its reaper and its agents are.
func (r *Run) Namespace() string { return cmp.Or(r.Within, r.Name) }

// lease is the name of the run's Lease.
func (r *Run) lease() string {
	if r.Within != "" {
		return withinLease
	}
	return r.Name
}

// Mark gives an object that is to be created the run's label and owner.
func (r *Run) Mark(o metav1.Object) {
	labels := map[string]string{Label: r.Name}
	for k, v := range o.GetLabels() {
		if k != Label {
			labels[k] = v
		}
	}
	o.SetLabels(labels)
	if r.Root != "" {
		o.SetOwnerReferences(append(o.GetOwnerReferences(), r.Owner()))
	}
}

// Owner is the reference to the root.
func (r *Run) Owner() metav1.OwnerReference {
	if r.Within != "" {
		return metav1.OwnerReference{APIVersion: coordinationAPI + "/v1", Kind: "Lease", Name: withinLease, UID: r.Root}
	}
	return metav1.OwnerReference{APIVersion: rbacAPI + "/v1", Kind: "ClusterRole", Name: r.Name, UID: r.Root}
}

// Made reports whether the run made the object.
func (r *Run) Made(o metav1.Object) bool { return o.GetLabels()[Label] == r.Name }
