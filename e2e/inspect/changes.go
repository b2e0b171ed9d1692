package inspect

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

// mostChanges is how many of the last changes are recorded.
const mostChanges = 12

// ofDeployment is the annotation by which a ReplicaSet has the number of its Deployment's revision.
const ofDeployment = "deployment.kubernetes.io/revision"

// revision is the number of the revision that the pod was made from, "" where that was not seen.
func (f *found) revision(p *corev1.Pod) string {
	for _, o := range p.OwnerReferences {
		switch o.Kind {
		case "ReplicaSet":
			for _, r := range of[*appsv1.ReplicaSet](f, o.Kind) {
				if r.Name == o.Name {
					return r.Annotations[ofDeployment]
				}
			}
		case "StatefulSet", "DaemonSet":
			hash := p.Labels[appsv1.ControllerRevisionHashLabelKey]
			for _, r := range of[*appsv1.ControllerRevision](f, "ControllerRevision") {
				if hash != "" && owned(r.ObjectMeta, o.Kind, o.Name) && (r.Name == hash || r.Name == o.Name+"-"+hash) {
					return strconv.FormatInt(r.Revision, 10)
				}
			}
		}
	}
	return ""
}

func owned(o metav1.ObjectMeta, kind, name string) bool {
	return slices.ContainsFunc(o.OwnerReferences, func(r metav1.OwnerReference) bool { return r.Kind == kind && r.Name == name })
}

// changes are what was changed last, the youngest first.
func (i *inspection) changes(f *found) (all []recording.Change) {
	for _, w := range i.w.Resolved.Workloads {
		all = append(all, f.revisions(w.Kind, w.Name)...)
	}
	for _, l := range lists() {
		if !l.manifests {
			continue
		}
		for _, o := range f.items[l.kind] {
			m, err := meta.Accessor(o)
			if err == nil && i.names[l.kind+"/"+m.GetName()] {
				all = append(all, lastChange(l.kind, m))
			}
		}
	}
	slices.SortStableFunc(all, func(a, b recording.Change) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Object, b.Object))
	})
	return all[:min(len(all), mostChanges)]
}

// revisions are the last two revisions of a workload.
func (f *found) revisions(kind, name string) (all []recording.Change) {
	for _, r := range of[*appsv1.ReplicaSet](f, "ReplicaSet") {
		if n := r.Annotations[ofDeployment]; n != "" && owned(r.ObjectMeta, kind, name) {
			all = append(all, recording.Change{Object: kind + "/" + name, What: "revision " + n, At: r.CreationTimestamp.UTC()})
		}
	}
	for _, r := range of[*appsv1.ControllerRevision](f, "ControllerRevision") {
		if owned(r.ObjectMeta, kind, name) {
			all = append(all, recording.Change{Object: kind + "/" + name, What: "revision " + strconv.FormatInt(r.Revision, 10), At: r.CreationTimestamp.UTC()})
		}
	}
	slices.SortStableFunc(all, func(a, b recording.Change) int { return b.At.Compare(a.At) })
	return all[:min(len(all), 2)]
}

// lastChange is when something else than a controller of Kubernetes wrote the object, as it says itself.
func lastChange(kind string, o metav1.Object) recording.Change {
	c := recording.Change{Object: kind + "/" + o.GetName(), What: "created", At: o.GetCreationTimestamp().UTC()}
	for _, m := range o.GetManagedFields() {
		if m.Time == nil || m.Subresource == "status" || m.Manager == "kube-controller-manager" {
			continue
		}
		// The API server notes full seconds.
		if at := m.Time.UTC(); at.After(c.At.Add(time.Second)) {
			c.What, c.At = "changed by "+m.Manager, at
		}
	}
	return c
}
