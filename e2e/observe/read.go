package observe

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"meshproof.dev/meshproof/e2e/observe/remote"
	"meshproof.dev/meshproof/e2e/recording"
)

// The functions of this file are for an inspection, which reads a cluster once or twice and watches nothing.

// PodOf is a pod as a recording has it.
func PodOf(p *corev1.Pod) *recording.Pod { return podOf(p, false) }

// ServiceOf is a Service as a recording has it.
func ServiceOf(s *corev1.Service) *recording.Service { return serviceOf(s, false) }

// SliceOf is an EndpointSlice as a recording has it.
func SliceOf(s *discoveryv1.EndpointSlice) *recording.Slice { return sliceOf(s, false) }

// RemotePod is a pod as exec and port-forward need it.
func RemotePod(r *recording.Pod) remote.Pod { return remotePod(r) }
