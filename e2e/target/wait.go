package target

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/e2e-framework/klient/wait"

	"meshproof.dev/meshproof/e2e/progress"
)

// look is one observation: whether the condition is true, and what was seen instead. An error ends the waiting; temporary problems
// are described in seen.
type look func(ctx context.Context) (done bool, seen string, err error)

// often is the interval between requests to the API server; nobody else uses it.
const often = 200 * time.Millisecond

// await calls look again and again until it is done. The error says what was waited for, for how long, and what was seen last; it
// wraps the reason for the context's end.
func await(ctx context.Context, every time.Duration, what string, l look) error {
	begin := time.Now()
	last := "nothing was seen yet"
	shown := progress.Wait(ctx, what)
	defer shown.Done()
	err := wait.For(func(ctx context.Context) (bool, error) {
		done, seen, err := l(ctx)
		if seen != "" && ctx.Err() == nil { // an observation that the context interrupted means nothing
			last = seen
			shown.Seen(seen)
		}
		return done, err
	}, wait.WithContext(ctx), wait.WithInterval(every), wait.WithTimeout(0), wait.WithImmediate())
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("waited %s for %s, last seen: %s: %w", since(begin), what, last, err)
}

// ready waits until the API answers, every requested node is Ready and pods can be created in the default namespace. It then fills
// in the cluster's properties.
func (c *Cluster) ready(ctx context.Context) error {
	cfg, set, err := connect(c.KubeconfigPath, c.Context)
	if err != nil {
		return err
	}
	err = await(ctx, often, nodeCount(len(c.noted.Containers))+" to be ready", func(ctx context.Context) (bool, string, error) {
		return c.nodesReady(ctx, set, len(c.noted.Containers))
	})
	if err != nil {
		return err
	}
	err = await(ctx, often, "the default service account", func(ctx context.Context) (bool, string, error) {
		_, gerr := set.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		if gerr != nil {
			return false, gerr.Error(), nil
		}
		return true, "", nil
	})
	if err != nil {
		return err
	}
	c.Config = cfg
	return c.version(ctx, set)
}

// nodesReady reports whether there are want nodes and all are Ready; it stores their names and what they run.
func (c *Cluster) nodesReady(ctx context.Context, set kubernetes.Interface, want int) (bool, string, error) {
	list, err := set.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, err.Error(), permanent(err)
	}
	if len(list.Items) != want {
		return false, fmt.Sprintf("%d of %d nodes have registered", len(list.Items), want), nil
	}
	names := make([]string, 0, want)
	for i := range list.Items {
		n := &list.Items[i]
		if ok, why := nodeReady(n); !ok {
			return false, why, nil
		}
		names = append(names, n.Name)
	}
	slices.Sort(names)
	c.Nodes = names
	c.noteNode(&list.Items[0])
	return true, "", nil
}

// nodeReady reports whether pods can run on the node, and if not what its status says.
func nodeReady(n *corev1.Node) (ok bool, why string) {
	for _, cond := range n.Status.Conditions {
		if cond.Type != corev1.NodeReady {
			continue
		}
		if cond.Status != corev1.ConditionTrue {
			return false, fmt.Sprintf("node %s is not ready: %s: %s", n.Name, cond.Reason, cond.Message)
		}
		for _, t := range n.Spec.Taints {
			if t.Key == corev1.TaintNodeNotReady { // removed a moment after the condition turns
				return false, fmt.Sprintf("node %s is ready but still carries the taint %s", n.Name, t.Key)
			}
		}
		return true, ""
	}
	return false, fmt.Sprintf("node %s has no Ready condition", n.Name)
}

func (c *Cluster) noteNode(n *corev1.Node) {
	i := n.Status.NodeInfo
	c.Provenance.ContainerRuntime, c.Provenance.OSImage = i.ContainerRuntimeVersion, i.OSImage
	c.Provenance.Kernel, c.Provenance.Architecture = i.KernelVersion, i.Architecture
}

func (c *Cluster) version(ctx context.Context, set *kubernetes.Clientset) error {
	v, err := set.Discovery().ServerVersionWithContext(ctx)
	if err != nil {
		return fmt.Errorf("ask the API server for its version: %w", err)
	}
	c.Provenance.Kubernetes = v.GitVersion
	return nil
}

// permanent is err if waiting does not help.
func permanent(err error) error {
	if apierrors.IsUnauthorized(err) || apierrors.IsForbidden(err) {
		return err
	}
	return nil
}

// WaitDNS waits until pods can use the cluster's DNS: the Service that kubeadm, kind and hosted clusters call kube-dns has a ready
// endpoint, and kube-proxy, if there is one, runs on every node. The error says what was seen of their pods.
func (c *Cluster) WaitDNS(ctx context.Context) error {
	set, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	return await(ctx, often, "the cluster's DNS", func(ctx context.Context) (bool, string, error) {
		pods, err := set.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "k8s-app=kube-dns"})
		if err != nil {
			return false, err.Error(), permanent(err)
		}
		endpoints, err := set.DiscoveryV1().EndpointSlices(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=kube-dns"})
		if err != nil {
			return false, err.Error(), permanent(err)
		}
		for _, s := range endpoints.Items {
			for _, e := range s.Endpoints {
				if e.Conditions.Ready == nil || *e.Conditions.Ready {
					return proxyRuns(ctx, set)
				}
			}
		}
		return false, "no ready endpoint; " + podsSeen(pods.Items), nil
	})
}

// proxyRuns reports whether kube-proxy runs on every node. A cluster whose network does not need it has no such DaemonSet.
func proxyRuns(ctx context.Context, set kubernetes.Interface) (bool, string, error) {
	d, err := set.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return true, "", nil
	case err != nil:
		return false, err.Error(), permanent(err)
	case d.Status.DesiredNumberScheduled == 0 || d.Status.NumberReady < d.Status.DesiredNumberScheduled:
		return false, fmt.Sprintf("kube-proxy runs on %d of %d nodes", d.Status.NumberReady, d.Status.DesiredNumberScheduled), nil
	}
	return true, "", nil
}

// podsSeen is one sentence on pods that are not ready.
func podsSeen(pods []corev1.Pod) string {
	if len(pods) == 0 {
		return "no pods"
	}
	var seen []string
	for i := range pods {
		p := &pods[i]
		s := fmt.Sprintf("pod %s is %s", p.Name, p.Status.Phase)
		for _, cond := range p.Status.Conditions {
			if cond.Type == corev1.PodScheduled && cond.Status == corev1.ConditionFalse {
				s += ": " + cond.Message
			}
		}
		for _, st := range p.Status.ContainerStatuses {
			switch {
			case st.State.Waiting != nil:
				s += fmt.Sprintf(": %s %s", st.State.Waiting.Reason, st.State.Waiting.Message)
			case st.State.Terminated != nil:
				s += fmt.Sprintf(": ended with %d %s", st.State.Terminated.ExitCode, st.State.Terminated.Reason)
			case !st.Ready:
				s += ": running, but not ready"
			}
		}
		seen = append(seen, strings.TrimSpace(s))
	}
	return strings.Join(seen, "; ")
}
