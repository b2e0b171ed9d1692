// Package inspecttest is a running cluster of nodes for tests: an API server with a Deployment, and behind it pods with an epmd, a node
// and socket tables each.
//
// In: which nodes are linked to each other. Out: an API server.
package inspecttest

import (
	"encoding/binary"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
	"meshproof.dev/meshproof/e2e/observe/remote/remotetest"
)

// The namespace, and the cookie of all nodes.
const (
	Namespace = "prod"
	Cookie    = "the-cookie-of-the-test"
)

// World is the Deployment shop behind an API server.
type World struct {
	*remotetest.Server
	Running []corev1.Pod
	Cookie  string    // of the nodes
	created time.Time // of the pods
}

// IP is the address of pod i.
func IP(i int) string { return fmt.Sprintf("10.244.0.%d", i+2) }

// Name is the name of pod i.
func Name(i int) string { return fmt.Sprintf("shop-%c", 'a'+i) }

// New is a Deployment of nodes. Those of one group are linked to each other, and of one revision: 42, 43 …
func New(t *testing.T, groups ...[]int) *World {
	t.Helper()
	return WithCookie(t, Cookie, groups...)
}

// WithCookie is New of nodes that have this cookie. The Secret shop has it, too, with a newline behind it.
func WithCookie(t *testing.T, cookie string, groups ...[]int) *World {
	t.Helper()
	w := &World{Server: &remotetest.Server{Pods: map[string]remotetest.Pod{}, Lists: map[string]any{}}, Cookie: cookie, created: time.Now().Add(-time.Hour)}
	labels := map[string]string{"app": "shop"}
	for g, members := range groups {
		for _, i := range members {
			p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: Name(i), UID: types.UID(fmt.Sprintf("uid-%d", i)), Labels: labels, CreationTimestamp: metav1.NewTime(w.created),
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: fmt.Sprintf("shop-%d", 42+g), UID: "r"}}},
				Spec: corev1.PodSpec{NodeName: "n1"},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: IP(i), Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
					ContainerStatuses: []corev1.ContainerStatus{{Name: "shop", Image: "shop:1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(w.created)}}}}}}
			w.Running = append(w.Running, p)
			w.Pods[Name(i)] = w.behind(t, i, members)
		}
	}
	three := int32(len(w.Running))
	meta := metav1.ObjectMeta{Namespace: Namespace, Name: "shop", CreationTimestamp: metav1.NewTime(w.created.Add(-24 * time.Hour))}
	owner := []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: "shop", UID: "d"}}
	set := func(n int) appsv1.ReplicaSet {
		return appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: fmt.Sprintf("shop-%d", n), OwnerReferences: owner, CreationTimestamp: metav1.NewTime(w.created.Add(time.Duration(n-44) * time.Hour)),
			Annotations: map[string]string{"deployment.kubernetes.io/revision": fmt.Sprint(n)}}}
	}
	config := corev1.ConfigMap{ObjectMeta: *meta.DeepCopy(), Data: map[string]string{"a": "b"}}
	config.Name = "shop-config"
	config.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-edit", Time: &metav1.Time{Time: w.created.Add(30 * time.Minute)}}}
	app := appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &three, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "shop", Image: "shop:1", Ports: []corev1.ContainerPort{{Name: "epmd", ContainerPort: 4369}, {Name: "dist", ContainerPort: 10000}},
			EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-config"}}}},
			Env: []corev1.EnvVar{{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
				{Name: "RELEASE_NODE", Value: "shop@$(POD_IP)"}, {Name: "RELEASE_DISTRIBUTION", Value: "name"}, {Name: "RELEASE_COOKIE", Value: Cookie}, {Name: "DNS_CLUSTER_QUERY", Value: "shop"}}}}},
	}}}
	service := corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{ClusterIP: "None", Selector: labels}}
	core, apps := "/api/v1/namespaces/"+Namespace+"/", "/apis/apps/v1/namespaces/"+Namespace+"/"
	w.Lists = map[string]any{
		core + "services": corev1.ServiceList{Items: []corev1.Service{service}}, core + "configmaps": corev1.ConfigMapList{Items: []corev1.ConfigMap{config}},
		core + "secrets/shop": corev1.Secret{ObjectMeta: meta, Data: map[string][]byte{"cookie": []byte(cookie + "\n"), "wrong": []byte("another-cookie\n")}},
		core + "events":       corev1.EventList{Items: []corev1.Event{{InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: Name(0)}, Type: "Warning", Reason: "Unhealthy", Message: "was slow"}}},
		apps + "deployments":  appsv1.DeploymentList{Items: []appsv1.Deployment{app}}, apps + "replicasets": appsv1.ReplicaSetList{Items: []appsv1.ReplicaSet{set(42), set(43)}},
		apps + "statefulsets": appsv1.StatefulSetList{}, apps + "daemonsets": appsv1.DaemonSetList{}, apps + "controllerrevisions": appsv1.ControllerRevisionList{},
		"/apis/discovery.k8s.io/v1/namespaces/" + Namespace + "/endpointslices":   discoveryv1.EndpointSliceList{},
		"/apis/networking.k8s.io/v1/namespaces/" + Namespace + "/networkpolicies": networkingv1.NetworkPolicyList{},
	}
	w.List()
	return w
}

// List lets the API server list the pods as they are.
func (w *World) List() {
	w.Lists["/api/v1/namespaces/"+Namespace+"/pods"] = corev1.PodList{Items: w.Running}
}

// behind is what is in pod i: an epmd, a node, and links to the others of its group.
func (w *World) behind(t *testing.T, i int, group []int) remotetest.Pod {
	t.Helper()
	node, err := (erldisttest.Node{Name: "shop@" + IP(i), Cookie: w.Cookie, Creation: 7, Nodes: func() (visible, hidden []string) {
		for _, j := range group {
			if j != i {
				visible = append(visible, "shop@"+IP(j))
			}
		}
		return visible, nil
	}}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(node.Close)
	epmd, err := (erldisttest.EPMD{Nodes: []erldisttest.Registered{{Name: "shop", Port: 10000}}}).Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(epmd.Close)
	table := row("0.0.0.0:10000", "0.0.0.0:0", "0A") + row("0.0.0.0:4369", "0.0.0.0:0", "0A")
	for _, j := range group {
		switch {
		case j < i:
			table += row(fmt.Sprintf("%s:%d", IP(i), 40000+j), IP(j)+":10000", "01")
		case j > i:
			table += row(IP(i)+":10000", fmt.Sprintf("%s:%d", IP(j), 40000+i), "01")
		}
	}
	return remotetest.Pod{
		Ports: map[string]string{"4369": epmd.Addr, "10000": node.Addr},
		Files: map[string]string{
			"/proc/1/status":  "Name:\tbeam.smp\nNSpid:\t1\n",
			"/proc/1/cmdline": "/opt/beam.smp\x00-name\x00shop@" + IP(i) + "\x00-setcookie\x00" + Cookie + "\x00-kernel\x00inet_dist_listen_min\x0010000\x00inet_dist_listen_max\x0010000\x00",
			"/proc/net/tcp":   table,
		},
	}
}

// row is a line of /proc/net/tcp.
func row(local, remote, state string) string {
	side := func(text string) string {
		a := netip.MustParseAddrPort(text)
		b := a.Addr().As4()
		return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(b[:]), a.Port())
	}
	return fmt.Sprintf("   0: %s %s %s 00000000:00000000 00:00000000 00000000     0        0 1\n", side(local), side(remote), state)
}

// Access is a client's.
func (w *World) Access(t *testing.T) (*rest.Config, kubernetes.Interface) {
	t.Helper()
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	cfg := &rest.Config{Host: s.URL, QPS: 1000, Burst: 1000}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return cfg, client
}
