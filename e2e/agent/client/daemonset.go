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

// DaemonSet puts one agent of the image on each node, in the namespace.
func DaemonSet(namespace, image string) *appsv1.DaemonSet {
	labels := map[string]string{Label: Name}
	privileged, no, grace := true, false, int64(1)
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Namespace: namespace, Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					// The processes of other pods are found in the node's own /proc.
					HostPID: true,
					// It talks to nobody, the API server least of all.
					AutomountServiceAccountToken:  &no,
					EnableServiceLinks:            &no,
					TerminationGracePeriodSeconds: &grace,
					// Wherever a pod of the workload may run, an agent must.
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					Containers: []corev1.Container{{
						Name: "agent", Image: image, ImagePullPolicy: corev1.PullIfNotPresent,
						Env: []corev1.EnvVar{{Name: "NODE_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}},
						// Entering another network namespace takes CAP_SYS_ADMIN in the node's user namespace, reading another
						// user's /proc/PID/ns and root takes CAP_SYS_PTRACE, and seccomp's default profile forbids setns.
						SecurityContext: &corev1.SecurityContext{Privileged: &privileged},
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
