package observe

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

func podOf(p *corev1.Pod, gone bool) *recording.Pod {
	r := &recording.Pod{
		UID: string(p.UID), Name: p.Name, Labels: p.Labels, Node: p.Spec.NodeName, IP: p.Status.PodIP,
		Phase: string(p.Status.Phase), Created: p.CreationTimestamp.UTC(), Deleting: p.DeletionTimestamp != nil, Gone: gone,
	}
	for _, o := range p.OwnerReferences {
		r.Owner = o.Kind + "/" + o.Name
	}
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue:
			r.Ready = true
		case (c.Type == corev1.PodReady || c.Type == corev1.PodScheduled) && c.Status == corev1.ConditionFalse:
			r.NotReady = c.Reason
			if c.Message != "" {
				r.NotReady = c.Message
			}
		}
	}
	// If an init container fails, the others wait without a reason of their own. So it comes first; one that works is not
	// recorded.
	for _, c := range p.Status.InitContainerStatuses {
		if x := containerOf(c); unwell(x) && (x.State != "terminated" || x.ExitCode != 0) {
			r.Containers = append(r.Containers, x)
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		r.Containers = append(r.Containers, containerOf(c))
	}
	limitMemory(p, r.Containers)
	return r
}

func containerOf(c corev1.ContainerStatus) recording.Container {
	r := recording.Container{Name: c.Name, Image: c.Image, ImageID: c.ImageID, Restarts: c.RestartCount}
	switch {
	case c.State.Waiting != nil:
		r.State, r.Reason, r.Message = "waiting", c.State.Waiting.Reason, c.State.Waiting.Message
	case c.State.Running != nil:
		r.State, r.Started = "running", c.State.Running.StartedAt.UTC()
	case c.State.Terminated != nil:
		t := c.State.Terminated
		r.State, r.Reason, r.Message, r.ExitCode = "terminated", t.Reason, t.Message, t.ExitCode
		r.Started, r.Finished = t.StartedAt.UTC(), t.FinishedAt.UTC()
	default:
		r.State = "waiting"
	}
	if t := c.LastTerminationState.Terminated; t != nil {
		r.LastReason, r.LastExitCode = t.Reason, t.ExitCode
	}
	return r
}

// limitMemory adds the limits of memory.
func limitMemory(p *corev1.Pod, containers []recording.Container) {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		limit, there := c.Resources.Limits[corev1.ResourceMemory]
		for i := range containers {
			if there && containers[i].Name == c.Name {
				containers[i].MemoryLimit = limit.String()
			}
		}
	}
}

func serviceOf(s *corev1.Service, gone bool) *recording.Service {
	r := &recording.Service{Name: s.Name, ClusterIP: s.Spec.ClusterIP, Selector: s.Spec.Selector, PublishNotReady: s.Spec.PublishNotReadyAddresses, Gone: gone}
	for _, p := range s.Spec.Ports {
		r.Ports = append(r.Ports, recording.ServicePort{Name: p.Name, Port: p.Port, Target: p.TargetPort.String()})
	}
	return r
}

func sliceOf(s *discoveryv1.EndpointSlice, gone bool) *recording.Slice {
	r := &recording.Slice{Name: s.Name, Service: s.Labels[discoveryv1.LabelServiceName], Gone: gone}
	for _, e := range s.Endpoints {
		x := recording.Endpoint{Addresses: e.Addresses, Ready: e.Conditions.Ready == nil || *e.Conditions.Ready, Terminating: e.Conditions.Terminating != nil && *e.Conditions.Terminating}
		if e.TargetRef != nil {
			x.Pod = string(e.TargetRef.UID)
		}
		r.Endpoints = append(r.Endpoints, x)
	}
	return r
}
