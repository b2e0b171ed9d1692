package client

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Name is the DaemonSet's name, and Label the label of its pods with it as the value.
const (
	Name  = "meshproof-agent"
	Label = "meshproof.dev/agent"
)

// DaemonSet puts one agent of the image on each node, in the namespace. With faults it may lose packets of pods.
func DaemonSet(namespace, image string, faults bool) *appsv1.DaemonSet {
	labels := map[string]string{Label: Name}
	no, yes, grace := false, true, int64(1)
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Namespace: namespace, Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					// The processes of other pods are found in the node's own /proc.
					HostPID: true,
					// It needs no API server.
					AutomountServiceAccountToken:  &no,
					EnableServiceLinks:            &no,
					TerminationGracePeriodSeconds: &grace,
					// Wherever a pod of the workload may run, an agent must.
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					Containers: []corev1.Container{{
						Name: "agent", Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
						Env: []corev1.EnvVar{{Name: "NODE_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}},
						SecurityContext: &corev1.SecurityContext{
							Capabilities:           &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: capabilities(faults)},
							ReadOnlyRootFilesystem: &yes,
							// AppArmor's profile for containers forbids to look at the processes of others, whatever the capabilities.
							AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined},
							// containerd's profile allows setns to who has SYS_ADMIN.
							SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
						},
						// A share of the CPU of its own, so that its looks are on time on a busy node: with 10m it got less than each VM that
						// was just starting beside it, and was not heard for seconds (measured).
						Resources: corev1.ResourceRequirements{
							Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("150m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
							Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
						},
					}},
				},
			},
		},
	}
}

// capabilities are what the agent cannot do without. Each was taken away once on a real cluster: without the first two no pod
// is seen at all, without NET_RAW no question is heard, without NET_ADMIN no fault can be put in place.
func capabilities(faults bool) []corev1.Capability {
	all := []corev1.Capability{
		"SYS_ADMIN",  // setns(2) into a pod's network namespace
		"SYS_PTRACE", // ptrace(2), access mode checks: /proc/PID/ns, root and environ of another user's process
		"NET_RAW",    // packet(7), to hear which questions a pod asks
	}
	if faults {
		all = append(all, "NET_ADMIN") // nftables in the pod's namespace
	}
	return all
}
