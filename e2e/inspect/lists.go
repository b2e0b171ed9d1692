package inspect

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// listed is one kind of objects that is read.
type listed struct {
	group, resource string
	kind            string
	of              []recording.Kind // what is not seen where it may not be listed
	manifests       bool             // they describe the application: the checks of manifests read them
	list            func(ctx context.Context, c kubernetes.Interface, namespace string) (runtime.Object, error)
	why             string // it is read
}

// lists are all kinds that an inspection lists, in the order in which a Role names them.
func lists() []listed {
	var all metav1.ListOptions
	objects := func(kind string) []recording.Kind { return []recording.Kind{recording.Kind(recording.OfObjects(kind))} }
	return []listed{
		{"", "pods", "Pod", []recording.Kind{recording.KindPod}, false, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.CoreV1().Pods(ns).List(ctx, all)
		}, "which pods there are, and how they are"},
		{"", "services", "Service", append(objects("Service"), recording.KindService), true, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.CoreV1().Services(ns).List(ctx, all)
		}, "what discovery can find"},
		{"discovery.k8s.io", "endpointslices", "EndpointSlice", []recording.Kind{recording.KindSlice}, false, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.DiscoveryV1().EndpointSlices(ns).List(ctx, all)
		}, "which addresses a Service has"},
		{"apps", "deployments", "Deployment", objects("Deployment"), true, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.AppsV1().Deployments(ns).List(ctx, all)
		}, "which workloads are nodes"},
		{"apps", "statefulsets", "StatefulSet", objects("StatefulSet"), true, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.AppsV1().StatefulSets(ns).List(ctx, all)
		}, "which workloads are nodes"},
		{"apps", "daemonsets", "DaemonSet", objects("DaemonSet"), true, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.AppsV1().DaemonSets(ns).List(ctx, all)
		}, "which workloads are nodes"},
		{"apps", "replicasets", "ReplicaSet", objects("ReplicaSet"), false, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.AppsV1().ReplicaSets(ns).List(ctx, all)
		}, "of which revision a pod is"},
		{"apps", "controllerrevisions", "ControllerRevision", objects("ControllerRevision"), false, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.AppsV1().ControllerRevisions(ns).List(ctx, all)
		}, "of which revision a pod is"},
		{"", "configmaps", "ConfigMap", objects("ConfigMap"), true, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.CoreV1().ConfigMaps(ns).List(ctx, all)
		}, "how the nodes are configured, and when that changed"},
		{"networking.k8s.io", "networkpolicies", "NetworkPolicy", objects("NetworkPolicy"), true, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.NetworkingV1().NetworkPolicies(ns).List(ctx, all)
		}, "whether a policy keeps the nodes apart"},
		{"", "events", "Event", []recording.Kind{recording.KindNotice}, false, func(ctx context.Context, c kubernetes.Interface, ns string) (runtime.Object, error) {
			return c.CoreV1().Events(ns).List(ctx, all)
		}, "what Kubernetes says about the pods"},
	}
}

// found is what the API server lists, by kind, and why it does not.
type found struct {
	mu      sync.Mutex
	items   map[string][]runtime.Object
	refused map[string]error
	count   map[string]int // of lists that were asked for
}

// read lists the kinds that are wanted, all at the same time.
func (f *found) read(ctx context.Context, c kubernetes.Interface, namespace string, caught func(error), wanted func(listed) bool) {
	var wg sync.WaitGroup
	for _, l := range lists() {
		if !wanted(l) {
			continue
		}
		guard.Go(&wg, caught, func() {
			got, err := l.list(ctx, c, namespace)
			var items []runtime.Object
			if err == nil {
				items, err = meta.ExtractList(got)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.count["list "+l.resource]++
			if err != nil {
				f.refused[l.kind] = err
				return
			}
			f.items[l.kind] = items
		})
	}
	wg.Wait()
}

// moving are the kinds that are read in each look.
func moving(l listed) bool {
	return l.kind == "Pod" || l.kind == "Service" || l.kind == "EndpointSlice"
}

// manifests are the objects that describe the applications.
func (f *found) manifests() (all []unstructured.Unstructured, err error) {
	for _, l := range lists() {
		if !l.manifests {
			continue
		}
		for _, o := range f.items[l.kind] {
			m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
			if err != nil {
				return nil, err
			}
			u := unstructured.Unstructured{Object: m}
			u.SetGroupVersionKind(schema.GroupVersionKind{Group: l.group, Version: "v1", Kind: l.kind})
			all = append(all, u)
		}
	}
	return all, nil
}

func of[T any](f *found, kind string) (all []T) {
	for _, o := range f.items[kind] {
		if x, is := o.(T); is {
			all = append(all, x)
		}
	}
	return all
}

func (f *found) pods() []*corev1.Pod { return of[*corev1.Pod](f, "Pod") }

func (f *found) services() []*corev1.Service { return of[*corev1.Service](f, "Service") }

func (f *found) slices() []*discoveryv1.EndpointSlice {
	return of[*discoveryv1.EndpointSlice](f, "EndpointSlice")
}
