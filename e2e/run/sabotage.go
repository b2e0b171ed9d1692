package run

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// sabotageEnv tells an agent that was built with the tag sabotage what it is to do wrong.
const sabotageEnv = "MESHPROOF_SABOTAGE"

// cutFor is how long nothing gets through to an agent whose stream is cut: longer than the harness waits for a sign of
// life.
const cutFor = 5 * time.Second

// watched reports whether the harness is broken while it watches a full mesh.
func watched(sabotage string) bool {
	return sabotage == profile.ObserverKilled || sabotage == profile.StreamCut
}

// ownAgent reports whether the workload needs agents of its own, because they are broken, or will be.
func ownAgent(w *workload.Workload) bool {
	return w.Mutant != nil && (watched(w.Mutant.Spec.Harness) || profile.InAgent(w.Mutant.Spec.Harness))
}

// agents is where the workload's agents run. Its own are made on the way.
func (s *story) agents(ctx context.Context) (namespace string, err error) {
	if !ownAgent(s.w) {
		return s.g.agents, nil
	}
	image, harness := s.g.agent.Ref, s.spec().Harness
	if profile.InAgent(harness) {
		image = s.g.sabotaged.Ref
	}
	d := agentclient.DaemonSet(s.ns, image, true)
	if profile.InAgent(harness) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: sabotageEnv, Value: harness})
	}
	if _, err := s.client.AppsV1().DaemonSets(s.ns).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("agent: %w", err)
	}
	return s.ns, nil
}

// sabotage breaks the harness while it watches.
func (s *story) sabotage(ctx context.Context, how string) error {
	some := s.one()
	if len(some) == 0 {
		return errors.New("no pod was there whose observer could be disturbed")
	}
	pod, err := s.agentPod(ctx, some[0].Last().Node)
	if err != nil {
		return err
	}
	switch how {
	case profile.ObserverKilled:
		err = s.killAgent(ctx, pod)
	case profile.StreamCut:
		err = s.cutStream(ctx, pod)
	}
	if err == nil {
		s.rec.Did(recording.Act{Do: how, Detail: pod.Name})
	}
	return err
}

// killAgent ends an agent for good: the DaemonSet first, or another one would be there a second later.
func (s *story) killAgent(ctx context.Context, pod *corev1.Pod) error {
	if err := s.client.AppsV1().DaemonSets(pod.Namespace).Delete(ctx, agentclient.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	now := int64(0)
	err := s.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
	if apierrors.IsNotFound(err) {
		return nil // it has gone with its DaemonSet
	}
	return err
}

// cutStream lets nothing through to the agent's API for some seconds: the agent does it to itself, and ends it by itself.
func (s *story) cutStream(ctx context.Context, pod *corev1.Pod) error {
	c := agentclient.New(s.g.cluster.Config, s.client, pod.Namespace, pod.Name, s.ns)
	defer c.Close()
	bites, err := c.SetFaults(ctx, agent.Faults{Holder: s.ns + "-stream", Lease: cutFor, Rules: []agent.Rule{
		{Pod: string(pod.UID), IP: pod.Status.PodIP, Do: agent.DropOwn, Port: agent.Port},
	}})
	if err == nil && !bites[0].Effective {
		err = fmt.Errorf("%s does not bite: %s", bites[0].Rule, bites[0].Message)
	}
	return err
}

// agentPod is the agent that observes the workload on a node.
func (s *story) agentPod(ctx context.Context, node string) (*corev1.Pod, error) {
	namespace := s.ns
	if !ownAgent(s.w) {
		namespace = s.g.agents
	}
	pods, err := s.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: agentclient.Label})
	if err != nil {
		return nil, fmt.Errorf("agent on %s: %w", node, err)
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.Spec.NodeName == node && p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("agent on %s: none runs among %d in %s", node, len(pods.Items), namespace)
}

// beginFaults prepares what keeps faults in place. The end heals them.
func (s *story) beginFaults(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var mu sync.Mutex
	clients := map[string]*agentclient.Client{}
	s.faults = fault.New(s.ns, func(ctx context.Context, node string) (fault.Agent, error) {
		mu.Lock()
		defer mu.Unlock()
		if clients[node] == nil {
			pod, err := s.agentPod(ctx, node)
			if err != nil {
				return nil, err
			}
			clients[node] = agentclient.New(s.g.cluster.Config, s.client, pod.Namespace, pod.Name, s.ns)
		}
		return clients[node], nil
	}, func(e recording.Event) {
		e.T, e.By = s.rec.Now(), "run"
		s.rec.Sink(e)
	})
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		s.faults.Run(ctx)
	}()
	return func() {
		stop()
		<-renewed
		healing, cancel := context.WithTimeout(context.Background(), cutFor)
		defer cancel()
		if err := s.faults.Heal(healing); err != nil {
			s.say(err.Error() + "; they end with their lease")
		}
		for _, c := range clients {
			c.Close()
		}
	}
}

// commandPod is where a console command is run: in a pod that there is not, where the harness must fail to run it.
func (s *story) commandPod(p *view.Pod) string {
	if s.spec().Harness == profile.ExecFails {
		return p.Name + "-gone"
	}
	return p.Name
}
