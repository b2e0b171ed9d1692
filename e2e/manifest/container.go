package manifest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Role is what a container is for in its pod.
type Role string

// The roles of a container.
const (
	Main    Role = "main"    // one of spec.containers
	Init    Role = "init"    // runs to its end before the others start
	Sidecar Role = "sidecar" // a native sidecar: among spec.initContainers with restartPolicy: Always, runs beside the others
)

// Container is one container of a workload's pods.
type Container struct {
	corev1.Container
	Role Role
	// Path leads to it in the document: Position(append(c.Path, "image")...).
	Path []any
}

// At is the path of one of the container's fields, for [Document.Position].
func (c *Container) At(path ...any) []any { return slices.Concat(c.Path, path) }

// Port is the number of the container's port of that name, 0 where it declares none.
func (c *Container) Port(name string) int {
	for _, p := range c.Ports {
		if p.Name == name {
			return int(p.ContainerPort)
		}
	}
	return 0
}

// Containers are those of the workload's pods with these roles, all without any: init containers and native sidecars first, in
// the order in which the kubelet starts them.
func (w *Workload) Containers(roles ...Role) []*Container {
	var all []*Container
	add := func(list []corev1.Container, field string) {
		for i, c := range list {
			role := Main
			if field == "initContainers" {
				role = Init
				if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
					role = Sidecar
				}
			}
			if len(roles) == 0 || slices.Contains(roles, role) {
				all = append(all, &Container{c, role, w.PodPath("spec", field, i)})
			}
		}
	}
	add(w.Pod().InitContainers, "initContainers")
	add(w.Pod().Containers, "containers")
	return all
}

// TargetPort is the number of the port that a Service's targetPort, or a NetworkPolicy's port, means in the workload's pods: a
// name is that of a port that one of its containers declares. It is 0 where none does.
func (w *Workload) TargetPort(port intstr.IntOrString) int {
	if port.Type == intstr.Int {
		return port.IntValue()
	}
	for _, c := range w.Containers(Main, Sidecar) {
		if n := c.Port(port.StrVal); n != 0 {
			return n
		}
	}
	return 0
}
