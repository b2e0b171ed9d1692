package manifest

import (
	"cmp"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Workload is an object that makes pods, or a pod itself.
type Workload struct {
	*Document
	// Replicas is what the object says; nil where it says nothing, or is of a kind that has none. See [Set.Count].
	Replicas *int32
	// Template is the pod; of a Pod it is itself.
	Template corev1.PodTemplateSpec
	// Selector is what the controller asks of its pods; nil where it asks nothing.
	Selector *metav1.LabelSelector
	// ServiceName is the governing Service of a StatefulSet.
	ServiceName string
	// PodManagement is a StatefulSet's podManagementPolicy.
	PodManagement string
	Update        Update

	path []any // of the template
}

// Update is how a workload replaces its pods by those of another template.
type Update struct {
	Type                     string // "RollingUpdate", "Recreate", "OnDelete"; "" is the kind's default, RollingUpdate
	MaxUnavailable, MaxSurge *intstr.IntOrString
	Partition                *int32 // of a StatefulSet
}

// Workload is the document as a maker of pods, nil where it is none or has no template for them.
func (d *Document) Workload() *Workload {
	w := &Workload{Document: d, path: []any{"spec", "template"}}
	switch o := d.Object.(type) {
	case *appsv1.Deployment:
		w.Replicas, w.Template, w.Selector = o.Spec.Replicas, o.Spec.Template, o.Spec.Selector
		w.Update.Type = string(o.Spec.Strategy.Type)
		if r := o.Spec.Strategy.RollingUpdate; r != nil {
			w.Update.MaxUnavailable, w.Update.MaxSurge = r.MaxUnavailable, r.MaxSurge
		}
	case *appsv1.StatefulSet:
		w.Replicas, w.Template, w.Selector = o.Spec.Replicas, o.Spec.Template, o.Spec.Selector
		w.ServiceName, w.PodManagement = o.Spec.ServiceName, string(o.Spec.PodManagementPolicy)
		w.Update.Type = string(o.Spec.UpdateStrategy.Type)
		if r := o.Spec.UpdateStrategy.RollingUpdate; r != nil {
			w.Update.MaxUnavailable, w.Update.Partition = r.MaxUnavailable, r.Partition
		}
	case *appsv1.DaemonSet:
		w.Template, w.Selector, w.Update.Type = o.Spec.Template, o.Spec.Selector, string(o.Spec.UpdateStrategy.Type)
		if r := o.Spec.UpdateStrategy.RollingUpdate; r != nil {
			w.Update.MaxUnavailable, w.Update.MaxSurge = r.MaxUnavailable, r.MaxSurge
		}
	case *appsv1.ReplicaSet:
		w.Replicas, w.Template, w.Selector = o.Spec.Replicas, o.Spec.Template, o.Spec.Selector
	case *corev1.ReplicationController:
		w.Replicas = o.Spec.Replicas
		if o.Spec.Template != nil {
			w.Template = *o.Spec.Template
		}
		if len(o.Spec.Selector) > 0 {
			w.Selector = &metav1.LabelSelector{MatchLabels: o.Spec.Selector}
		}
	case *corev1.Pod:
		w.Template, w.path = corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}, nil
	case *batchv1.Job:
		w.Template, w.Selector = o.Spec.Template, o.Spec.Selector
	case *batchv1.CronJob:
		w.Template, w.path = o.Spec.JobTemplate.Spec.Template, []any{"spec", "jobTemplate", "spec", "template"}
	default:
		return nil
	}
	if !w.has(w.path) {
		return nil
	}
	return w
}

// has reports whether the document has a mapping at that path of keys.
func (d *Document) has(path []any) bool {
	at := d.Raw
	for _, key := range path {
		next, is := at[key.(string)].(map[string]any)
		if !is {
			return false
		}
		at = next
	}
	return true
}

// Workloads are all makers of pods, Jobs and CronJobs among them; [Workload.Runs] tells these apart.
func (s *Set) Workloads() []*Workload {
	var all []*Workload
	for _, d := range s.Documents {
		if w := d.Workload(); w != nil {
			all = append(all, w)
		}
	}
	return all
}

// Runs reports whether the workload keeps pods running, which may then be nodes of a cluster. The pods of a Job and a CronJob
// end when their work is done.
func (w *Workload) Runs() bool { return !slices.Contains([]string{"Job", "CronJob"}, w.Kind) }

// Labels are those of the workload's pods.
func (w *Workload) Labels() map[string]string { return w.Template.Labels }

// Pod is the spec of the workload's pods.
func (w *Workload) Pod() *corev1.PodSpec { return &w.Template.Spec }

// PodPath is the path of a field of the pod, for [Document.Position]: PodPath("spec", "hostNetwork").
func (w *Workload) PodPath(path ...any) []any { return slices.Concat(w.path, path) }

// Account is the ServiceAccount that the pods run as; one that names none runs as default.
func (w *Workload) Account() string {
	return cmp.Or(w.Pod().ServiceAccountName, w.Pod().DeprecatedServiceAccount, "default")
}

// Count is how many pods a workload has at once, in a cluster of that many nodes: one on each for a DaemonSet, else what it
// says, else the least to which an autoscaler takes it, else one.
func (s *Set) Count(w *Workload, nodes int) int {
	switch least := s.Autoscaled(w); {
	case w.Kind == "DaemonSet":
		return nodes
	case w.Replicas != nil:
		return int(*w.Replicas)
	case least > 0:
		return least
	}
	return 1
}

// Autoscaled is the least number of replicas to which a HorizontalPodAutoscaler takes the workload, 0 where there is none or it
// does not say.
func (s *Set) Autoscaled(w *Workload) int {
	for _, d := range s.Of("HorizontalPodAutoscaler") {
		h, is := d.Object.(*autoscalingv2.HorizontalPodAutoscaler)
		if is && h.Spec.ScaleTargetRef.Kind == w.Kind && h.Spec.ScaleTargetRef.Name == w.Name && SameNamespace(d.Namespace, w.Namespace) {
			if h.Spec.MinReplicas == nil {
				return 0
			}
			return int(*h.Spec.MinReplicas)
		}
	}
	return 0
}
