package observe

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"meshproof.dev/meshproof/e2e/recording"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func cond(t corev1.PodConditionType, s corev1.ConditionStatus, reason, message string) corev1.PodCondition {
	return corev1.PodCondition{Type: t, Status: s, Reason: reason, Message: message}
}

func TestPodOf(t *testing.T) {
	stamp := metav1.NewTime(at.In(time.FixedZone("x", 3600)))
	for _, c := range []struct {
		name string
		pod  corev1.Pod
		gone bool
		want recording.Pod
	}{
		{"ready", corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "derl-0", UID: "u", Labels: map[string]string{"app": "derl"}, CreationTimestamp: stamp, OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "derl-6c"}}},
			Spec:       corev1.PodSpec{NodeName: "n1"},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", Conditions: []corev1.PodCondition{
				cond(corev1.PodScheduled, corev1.ConditionTrue, "", ""), cond(corev1.PodReady, corev1.ConditionTrue, "", "")}},
		}, false, recording.Pod{UID: "u", Name: "derl-0", Owner: "ReplicaSet/derl-6c", Labels: map[string]string{"app": "derl"}, Node: "n1", IP: "10.0.0.1", Phase: "Running", Ready: true, Created: at}},
		{"not scheduled", corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			cond(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/1 nodes are available")}}},
			false, recording.Pod{Phase: "Pending", NotReady: "0/1 nodes are available"}},
		{"not ready, with a reason only", corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			cond(corev1.PodScheduled, corev1.ConditionTrue, "", ""), cond(corev1.PodReady, corev1.ConditionFalse, "ContainersNotReady", ""), cond(corev1.ContainersReady, corev1.ConditionFalse, "x", "not of interest")}}},
			false, recording.Pod{Phase: "Running", NotReady: "ContainersNotReady"}},
		{"readiness unknown", corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{cond(corev1.PodReady, corev1.ConditionUnknown, "NodeLost", "")}}},
			false, recording.Pod{Phase: "Running"}},
		{"an init container fails, another is done", corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: []corev1.ContainerStatus{
				{Name: "done", RestartCount: 2, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}},
				{Name: "fails", RestartCount: 1, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}},
				{Name: "sidecar", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp}}},
				{Name: "later", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "derl", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "PodInitializing"}}}}}},
			false, recording.Pod{Phase: "Pending", Containers: []recording.Container{
				{Name: "fails", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 1}, {Name: "derl", State: "waiting", Reason: "PodInitializing"}}}},
		{"killed for its memory limit", corev1.Pod{
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "other"}, {Name: "derl", Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("24Mi")}}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "derl", RestartCount: 2,
				State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}}}}},
		}, false, recording.Pod{Phase: "Running", Containers: []recording.Container{
			{Name: "derl", State: "waiting", Reason: "CrashLoopBackOff", Restarts: 2, LastReason: "OOMKilled", LastExitCode: 137, MemoryLimit: "24Mi"}}}},
		{"being deleted", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &stamp}}, false, recording.Pod{Deleting: true}},
		{"gone", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &stamp}}, true, recording.Pod{Deleting: true, Gone: true}},
	} {
		if got := podOf(&c.pod, c.gone); !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, *got, c.want)
		}
	}
}

func TestContainerOf(t *testing.T) {
	stamp := metav1.NewTime(at)
	for _, c := range []struct {
		name  string
		state corev1.ContainerState
		want  recording.Container
	}{
		{"nothing yet", corev1.ContainerState{}, recording.Container{State: "waiting"}},
		{"waiting", corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}, recording.Container{State: "waiting", Reason: "ErrImagePull", Message: "no such image"}},
		{"running", corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp}}, recording.Container{State: "running", Started: at}},
		{"terminated", corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", Message: "m", ExitCode: 137, StartedAt: stamp, FinishedAt: stamp}}, recording.Container{State: "terminated", Reason: "Error", Message: "m", ExitCode: 137, Started: at, Finished: at}},
	} {
		c.want.Name, c.want.Image, c.want.ImageID, c.want.Restarts = "derl", "derl:1", "sha256:1", 3
		got := containerOf(corev1.ContainerStatus{Name: "derl", Image: "derl:1", ImageID: "sha256:1", RestartCount: 3, State: c.state})
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestServiceOf(t *testing.T) {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "derl"}, Spec: corev1.ServiceSpec{
		ClusterIP: "None", Selector: map[string]string{"app": "derl"}, PublishNotReadyAddresses: true,
		Ports: []corev1.ServicePort{{Name: "epmd", Port: 4369, TargetPort: intstr.FromInt32(4369)}, {Name: "http", Port: 80, TargetPort: intstr.FromString("web")}},
	}}
	want := recording.Service{Name: "derl", ClusterIP: "None", Selector: map[string]string{"app": "derl"}, PublishNotReady: true, Gone: true,
		Ports: []recording.ServicePort{{Name: "epmd", Port: 4369, Target: "4369"}, {Name: "http", Port: 80, Target: "web"}}}
	if got := serviceOf(s, true); !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, want %+v", *got, want)
	}
}

func TestSliceOf(t *testing.T) {
	yes, no := true, false
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Name: "derl-x", Labels: map[string]string{discoveryv1.LabelServiceName: "derl"}}, Endpoints: []discoveryv1.Endpoint{
		{Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &yes, Terminating: &no}, TargetRef: &corev1.ObjectReference{UID: "u"}},
		{Addresses: []string{"10.0.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &no, Terminating: &yes}},
		{Addresses: []string{"10.0.0.3"}}, // nil is ready, says the API
	}}
	want := recording.Slice{Name: "derl-x", Service: "derl", Endpoints: []recording.Endpoint{
		{Addresses: []string{"10.0.0.1"}, Pod: "u", Ready: true}, {Addresses: []string{"10.0.0.2"}, Terminating: true}, {Addresses: []string{"10.0.0.3"}, Ready: true}}}
	if got := sliceOf(s, false); !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, want %+v", *got, want)
	}
}
