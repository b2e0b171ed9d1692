package workload

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// Pods are the pod templates of the workloads under test, also those of the next version. What is required beside them is
// not under test.
func (w *Workload) Pods() (all []*corev1.PodSpec) {
	for _, s := range []*manifest.Set{w.rendered.now, w.rendered.next} {
		if s == nil {
			continue
		}
		for _, m := range s.Workloads() {
			if slices.ContainsFunc(w.Resolved.Workloads, func(r profile.Workload) bool { return r.Kind == m.Kind && r.Name == m.Name }) {
				all = append(all, m.Pod())
			}
		}
	}
	return all
}
