package evidence

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

// Ordered is a StatefulSet that makes its pods one after the other and waits for the last one that it made to be Ready.
type Ordered struct {
	Set  *manifest.Workload
	For  *view.Pod // the pod that it waits for
	Next string    // the pod that it makes then
	Runs bool      // the containers of the pod run, and its VM has not ended
}

// WaitsInOrder finds such a StatefulSet, nil if there is none.
func WaitsInOrder(v *view.View) *Ordered {
	for _, w := range objects.Read(v).Members {
		set, is := w.Object.(*appsv1.StatefulSet)
		if w.Err != nil || !is || set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement {
			continue
		}
		var last *view.Pod
		made := 0
		for _, p := range check.Members(v) {
			if p.Last().Owner == "StatefulSet/"+w.Name {
				last = p
				made++
			}
		}
		if last == nil || made >= objects.Read(v).Replicas(w) || last.Ready(v.End()) {
			continue
		}
		runs := len(last.Last().Containers) > 0
		for _, c := range last.Last().Containers {
			runs = runs && c.State == "running"
		}
		if _, ended := last.VMEnded(); ended {
			runs = false // what is left in it is a start script
		}
		return &Ordered{Set: w, For: last, Next: fmt.Sprintf("%s-%d", w.Name, made), Runs: runs}
	}
	return nil
}

// Says tells what waits for what.
func (o *Ordered) Says() string {
	return fmt.Sprintf("StatefulSet %s makes %s when %s is Ready (podManagementPolicy: OrderedReady), and %s is not Ready", o.Set.Name, o.Next, o.For.Name, o.For.Name)
}

// Remedy is what to write so that the pods need not wait for each other.
func (o *Ordered) Remedy(v *view.View) string {
	s := "if " + o.For.Name + " waits for peers before it is Ready, set podManagementPolicy: Parallel (the field is immutable: delete the StatefulSet with --cascade=orphan and create it again)"
	var hidden []string
	for _, name := range v.Profile.Services {
		if x := objects.Read(v).Service("", name); x != nil && x.Headless() && !x.Spec.PublishNotReadyAddresses {
			hidden = append(hidden, name)
		}
	}
	if len(hidden) > 0 {
		s += fmt.Sprintf(" and publishNotReadyAddresses: true on Service %s, so that pods find each other before they are Ready", strings.Join(hidden, ", "))
	}
	return s
}
