package workload

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestAProgramThatIsNotThere(t *testing.T) {
	for said, want := range map[string]bool{
		`Internal error occurred: failed to exec in container: OCI runtime exec failed: unable to start container process: exec: "/opt/nothing": stat /opt/nothing: no such file or directory: unknown`: true,
		`OCI runtime exec failed: exec failed: unable to start container process: exec: "nothing": executable file not found in $PATH: unknown`:                                                         true,
		"command terminated: executable file `nothing` not found in $PATH: No such file or directory":                                                                                                   true,
		`unable to start container process: exec: "/opt/data": permission denied`:                                                                                                                       true,
		`pods "shop-1" not found`:                   false,
		`container not found ("shop")`:              false,
		"unable to upgrade connection: i/o timeout": false,
		`failed to exec in container: failed to load task: no running task found: task abc not found`: false,
	} {
		if got := notThere.MatchString(said); got != want {
			t.Errorf("%s: %v", said, got)
		}
	}
}

// A command goes to the container that has the node.
func TestContainerOfACommand(t *testing.T) {
	container := func(name, port string, number int32) corev1.Container {
		c := corev1.Container{Name: name}
		if number > 0 {
			c.Ports = []corev1.ContainerPort{{Name: port, ContainerPort: number}}
		}
		return c
	}
	for name, x := range map[string]struct {
		containers []corev1.Container
		annotation string
		want       string
	}{
		"one":                        {[]corev1.Container{container("shop", "", 0)}, "", ""},
		"the second declares epmd":   {[]corev1.Container{container("proxy", "http", 80), container("shop", "epmd", 4369)}, "", "shop"},
		"the second declares a port": {[]corev1.Container{container("proxy", "http", 80), container("shop", "erl-dist", 9100)}, "", "shop"},
		"none declares any":          {[]corev1.Container{container("shop", "", 0), container("log", "", 0)}, "", "shop"},
		"the pod names one":          {[]corev1.Container{container("epmd", "epmd", 4369), container("shop", "", 0)}, "shop", "shop"},
	} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "shop-0", Annotations: map[string]string{}}, Spec: corev1.PodSpec{Containers: x.containers}}
		if x.annotation != "" {
			p.Annotations["kubectl.kubernetes.io/default-container"] = x.annotation
		}
		other := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "shop-1"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}}}
		if got, err := nodeContainer(t.Context(), fake.NewClientset(other, p), "ns", "shop-0"); got != x.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, got, err, x.want)
		}
	}
}
