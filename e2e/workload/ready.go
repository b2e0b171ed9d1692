package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// never are the reasons why a container waits and will never start: its image is not available. The kubelet reports
// ImagePullBackOff when the first attempt has failed.
var never = []string{"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"}

// Await waits until everything that was created so far is ready: workloads have their replicas, Jobs are complete, CRDs are
// served. The error says what was not ready, and why its pods wait; a pod that will never start ends the wait.
func (a *Applier) Await(ctx context.Context, budget time.Duration) error {
	var hopeless error
	err := await(ctx, budget, "what was created to be ready", func(ctx context.Context) (bool, string) {
		for _, o := range a.made {
			if now, _ := works(o); now {
				continue // it has no readiness of its own
			}
			at := o.DeepCopy()
			if err := a.api.Get(ctx, client.ObjectKeyFromObject(o), at); err != nil {
				return false, describe(o) + ": " + err.Error()
			}
			ready, seen := works(at)
			if ready && at.GetKind() == crd {
				ready, seen = a.served(at)
			}
			if ready {
				continue
			}
			pods, end := a.pods(ctx, o.GetNamespace())
			if o.GetKind() == "Job" && condition(at, "Failed") == "True" {
				end = true
			}
			seen = strings.Join(append([]string{describe(o) + ": " + seen}, pods...), "; ")
			if end {
				hopeless = errors.New(seen)
			}
			return end, seen
		}
		return true, ""
	}, "not everything is ready")
	if hopeless != nil {
		err = hopeless
	}
	return exitcode.With(exitcode.Fail, err)
}

// works reports whether an object is ready, and if not, what is missing. For kinds that have no readiness it is true.
func works(o *unstructured.Unstructured) (bool, string) {
	number := func(fallback int64, path ...string) int64 {
		n, is, _ := unstructured.NestedInt64(o.Object, path...)
		if !is {
			return fallback
		}
		return n
	}
	of := func(have, want int64, how string) (bool, string) {
		seen := fmt.Sprintf("%d of %d %s", have, want, how)
		return have >= want && number(0, "status", "observedGeneration") >= o.GetGeneration(), seen
	}
	switch o.GetKind() {
	case "Deployment":
		return of(number(0, "status", "availableReplicas"), number(1, "spec", "replicas"), "available")
	case "StatefulSet":
		return of(number(0, "status", "readyReplicas"), number(1, "spec", "replicas"), "ready")
	case "DaemonSet":
		return of(number(0, "status", "numberReady"), number(0, "status", "desiredNumberScheduled"), "ready")
	case "Job":
		return condition(o, "Complete") == "True", "not complete"
	case "Pod":
		phase, _, _ := unstructured.NestedString(o.Object, "status", "phase")
		return condition(o, "Ready") == "True" || phase == string(corev1.PodSucceeded), "not Ready, phase " + phase
	case crd:
		return condition(o, "Established") == "True", "not established"
	}
	return true, ""
}

// served reports whether the API server lists the versions of a CRD: it does so a little after they are established.
func (a *Applier) served(o *unstructured.Unstructured) (bool, string) {
	group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(o.Object, "spec", "versions")
	for _, v := range versions {
		if v := dict(v); v["served"] == true {
			if _, err := a.api.RESTMapper().RESTMapping(schema.GroupKind{Group: group, Kind: kind}, text(v["name"])); err != nil {
				return false, "not served: " + err.Error()
			}
		}
	}
	return true, ""
}

// condition is the status of one of the object's conditions, "" if it has none of that type.
func condition(o *unstructured.Unstructured, kind string) string {
	all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range all {
		if c := dict(c); c["type"] == kind {
			return text(c["status"])
		}
	}
	return ""
}

// pods says what the pods of a namespace wait for, and whether one of them will wait for ever.
func (a *Applier) pods(ctx context.Context, namespace string) (seen []string, end bool) {
	var all corev1.PodList
	if err := a.api.List(ctx, &all, client.InNamespace(namespace)); err != nil {
		return []string{"its pods: " + err.Error()}, false
	}
	for i := range all.Items {
		p := &all.Items[i]
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			if w := c.State.Waiting; w != nil {
				seen = append(seen, fmt.Sprintf("container %s of %s waits (%s): %s", c.Name, p.Name, w.Reason, w.Message))
				end = end || slices.Contains(never, w.Reason)
			}
			if t := c.State.Terminated; t != nil && t.ExitCode != 0 {
				seen = append(seen, fmt.Sprintf("container %s of %s ended with exit code %d", c.Name, p.Name, t.ExitCode))
			}
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
				seen = append(seen, p.Name+" is not scheduled: "+c.Message)
			}
		}
	}
	return seen, end
}
