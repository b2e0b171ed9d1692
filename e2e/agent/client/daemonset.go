package client

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/agent"
)

// Name is the DaemonSet's name. Its pods have the label Label with Name as its value.
const (
	Name  = "meshproof-agent"
	Label = "meshproof.dev/agent"
)

// Rights are what agents may do beside the observations that every run needs. A run asks for those that it needs.
type Rights struct {
	Questions bool // capture the DNS questions of pods
	Faults    bool // drop packets of pods
	Kill      bool // kill the VM of a pod
}

// Options are what a run decides about its agents.
type Options struct {
	Image string
	May   Rights
	Where Placement
	Token agent.Token // of the run: the agents get its hash, and serve nobody else
	// PullSecret is the name of a Secret of the namespace with which the nodes pull the image; "" they need none.
	PullSecret string
}

// DaemonSet runs one agent on each node of the placement.
func DaemonSet(namespace string, o Options) *appsv1.DaemonSet {
	labels := map[string]string{Label: Name}
	no, yes, grace, root := false, true, int64(1), int64(0)
	var pull []corev1.LocalObjectReference
	if o.PullSecret != "" {
		pull = append(pull, corev1.LocalObjectReference{Name: o.PullSecret})
	}
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: Name, Namespace: namespace, Labels: labels},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					// The agent finds the processes of other pods in the node's /proc.
					HostPID: true,
					// The agent connects to no service and not to the API server.
					AutomountServiceAccountToken:  &no,
					EnableServiceLinks:            &no,
					ImagePullSecrets:              pull,
					TerminationGracePeriodSeconds: &grace,
					Affinity:                      o.Where.affinity(),
					Tolerations:                   o.Where.Tolerations,
					Containers: []corev1.Container{{
						Name: "agent", Image: o.Image, ImagePullPolicy: corev1.PullIfNotPresent,
						Env: []corev1.EnvVar{
							{Name: "NODE_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}},
							{Name: agent.TokenHash, Value: o.Token.Hash()},
						},
						SecurityContext: &corev1.SecurityContext{
							// Any other user would lose the capabilities when the program is started. allowPrivilegeEscalation is not set:
							// Kubernetes takes it for true with SYS_ADMIN, and the image has no other program that could be started.
							RunAsUser: &root, RunAsGroup: &root,
							Capabilities:           &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: capabilities(o.May)},
							ReadOnlyRootFilesystem: &yes,
							// AppArmor's profile for containers forbids access to other processes, whatever the capabilities.
							AppArmorProfile: &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined},
							// containerd's seccomp profile allows setns with SYS_ADMIN.
							SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
						},
						// A CPU request, so that its observations are on time on a busy node: with 10m it got less CPU than each starting VM,
						// and sent nothing for seconds (measured). No CPU limit: while it is throttled the agent sees nothing, which is a gap
						// in the recording. It writes no file; the limit of storage is for its log.
						Resources: corev1.ResourceRequirements{
							Requests: corev1.ResourceList{
								corev1.ResourceCPU: resource.MustParse("150m"), corev1.ResourceMemory: resource.MustParse("32Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("8Mi"),
							},
							Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi"), corev1.ResourceEphemeralStorage: resource.MustParse("64Mi")},
						},
					}},
				},
			},
		},
	}
}

// capabilities are the capabilities that the agent needs. Each was removed once on a real cluster: without one of the first
// two no pod is observed at all, without NET_RAW no DNS question is captured, without NET_ADMIN no fault can be injected.
func capabilities(may Rights) []corev1.Capability {
	all := []corev1.Capability{
		"SYS_ADMIN",  // setns(2) into a pod's network namespace
		"SYS_PTRACE", // ptrace(2), access mode checks: /proc/PID/ns, root and environ of another user's process
	}
	if may.Questions {
		all = append(all, "NET_RAW") // packet(7), to capture the DNS questions of a pod
	}
	if may.Faults {
		all = append(all, "NET_ADMIN") // nftables in the pod's namespace
	}
	if may.Kill {
		all = append(all, "KILL") // kill(2), of another user's process
	}
	return all
}
