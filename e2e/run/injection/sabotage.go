package injection

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/workload"
)

// sabotageEnv tells an agent that was built with the tag sabotage what it is to do wrong.
const sabotageEnv = "MESHPROOF_SABOTAGE"

// cutFor is how long nothing gets through to an agent whose stream is cut, or how long the API server is not watched: longer
// than the harness waits for a sign of life.
const cutFor = 5 * time.Second

// whileFull reports whether the harness is broken while it observes a full mesh.
func whileFull(sabotage string) bool {
	return sabotage == profile.ObserverKilled || sabotage == profile.StreamCut
}

// sabotageOf is how the harness is broken for the workload; "" where it is not.
func sabotageOf(w *workload.Workload) string {
	if w.Mutant == nil {
		return ""
	}
	return w.Mutant.Spec.Harness
}

// OwnAgents reports whether the workload needs agents of its own, because they are broken, or will be.
func OwnAgents(w *workload.Workload) bool {
	return whileFull(sabotageOf(w)) || profile.InAgent(sabotageOf(w))
}

// DeployAgents deploys the workload's own agents to its namespace: sabotaged ones where the mutant needs them, else good ones.
func DeployAgents(ctx context.Context, client kubernetes.Interface, namespace string, w *workload.Workload, good agentclient.Options, sabotaged string) error {
	harness := sabotageOf(w)
	good.May, good.Where = agentclient.Rights{Questions: true, Faults: true}, agentclient.Place(w.Pods())
	d := agentclient.DaemonSet(namespace, good)
	if profile.InAgent(harness) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Image = sabotaged
		c.Env = append(c.Env, corev1.EnvVar{Name: sabotageEnv, Value: harness})
	}
	if _, err := client.AppsV1().DaemonSets(namespace).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	return nil
}

// WatchCut is for how long the API server is not to be watched when a pod is deleted, 0 where the harness is not broken so.
func WatchCut(w *workload.Workload) time.Duration {
	if sabotageOf(w) == profile.WatchCut {
		return cutFor
	}
	return 0
}

// ExecPod is the name of the pod that a console command is run in: one that does not exist, where the harness must fail to run
// it.
func ExecPod(w *workload.Workload, name string) string {
	if sabotageOf(w) == profile.ExecFails {
		return name + "-gone"
	}
	return name
}

// sabotage breaks the harness while it observes.
func (i *Injections) sabotage(ctx context.Context, how string) error {
	some := i.one()
	if len(some) == 0 {
		return errors.New("no pod was there whose observer could be disturbed")
	}
	pod, err := agentclient.Find(ctx, i.Client, i.Agents, some[0].Last().Node)
	if err != nil {
		return err
	}
	switch how {
	case profile.ObserverKilled:
		err = i.killAgent(ctx, pod)
	case profile.StreamCut:
		err = i.cutStream(ctx, pod)
	}
	if err == nil {
		i.Recorder.Did(recording.Act{Do: how, Detail: pod.Name})
	}
	return err
}

// killAgent ends an agent for good: the DaemonSet first, or another one would be there a second later.
func (i *Injections) killAgent(ctx context.Context, pod *corev1.Pod) error {
	if err := i.Client.AppsV1().DaemonSets(pod.Namespace).Delete(ctx, agentclient.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	now := int64(0)
	err := i.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if apierrors.IsNotFound(err) {
		return nil // it has gone with its DaemonSet
	}
	return err
}

// cutStream lets nothing through to the agent's API for some seconds: the agent does it to itself, and ends it by itself.
func (i *Injections) cutStream(ctx context.Context, pod *corev1.Pod) error {
	c := agentclient.New(i.Config, i.Client, pod.Namespace, pod.Name, i.Namespace, i.Token)
	defer c.Close()
	rules, err := c.SetFaults(ctx, agent.Faults{Holder: i.Namespace + "-stream", Lease: cutFor, Rules: []agent.Rule{
		{Pod: string(pod.UID), IP: pod.Status.PodIP, Do: agent.DropOwn, Port: agent.Port},
	}})
	if err == nil && !rules[0].Effective {
		err = fmt.Errorf("%s has no effect: %s", rules[0].Rule, rules[0].Message)
	}
	return err
}
