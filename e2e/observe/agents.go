package observe

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

// fleet keeps the agents: which are followed, and how far each node was seen. Safe for concurrent use.
type fleet struct {
	mu        sync.Mutex
	followers map[string]context.CancelFunc // by the agent pod's name
	nodes     map[string]*nodeSight
}

// nodeSight is what is known of a node through its agents, one after the other.
type nodeSight struct {
	pod  string        // what became of its agent pod, for a person
	live bool          // a stream is open
	seen bool          // anything came from it, ever
	last time.Duration // when the last of that was observed
}

func newFleet() *fleet {
	return &fleet{followers: map[string]context.CancelFunc{}, nodes: map[string]*nodeSight{}}
}

// node is what is known of a node; the fleet's lock is held.
func (f *fleet) node(name string) *nodeSight {
	if f.nodes[name] == nil {
		f.nodes[name] = &nodeSight{pod: "no agent pod is there"}
	}
	return f.nodes[name]
}

// agent follows an agent pod from when it runs until it is gone.
func (o *Observer) agent(ctx context.Context, p *corev1.Pod, gone bool) {
	f := o.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Spec.NodeName != "" {
		f.node(p.Spec.NodeName).pod = agentState(p, gone)
	}
	end, followed := f.followers[p.Name]
	switch {
	case followed && gone:
		end()
		delete(f.followers, p.Name)
	case !followed && !gone && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning:
		life, end := context.WithCancel(ctx)
		f.followers[p.Name] = end
		w := o.newFollower(p.Spec.NodeName, p.Name)
		o.wg.Go(func() { w.run(life) })
	}
}

func agentState(p *corev1.Pod, gone bool) string {
	if gone {
		return "agent pod " + p.Name + " was removed"
	}
	s := fmt.Sprintf("agent pod %s is %s", p.Name, p.Status.Phase)
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Waiting != nil && c.State.Waiting.Reason != "" {
			s += ", " + c.State.Waiting.Reason
		}
	}
	return s
}

// missAgents tells of nodes with pods of the workload from which no agent reports: once, and again when the reason is
// another. What happens there is not seen.
func (o *Observer) missAgents(ctx context.Context) {
	since, told := map[string]time.Duration{}, map[string]string{}
	tick := time.NewTicker(o.pace.miss / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, name := range o.plans.nodes() {
			why, live := o.fleet.look(name)
			from, missed := since[name]
			switch {
			case live:
				delete(since, name)
				delete(told, name)
			case !missed:
				since[name] = o.Now()
			case o.Now()-from > o.pace.miss && told[name] != why:
				told[name] = why
				what := "no agent reports from node " + name + ": " + why
				o.Sink(recording.Event{T: o.Now(), By: by(name), ObserverError: &recording.ObserverError{What: what}})
				o.Log(what)
			}
		}
	}
}

func (f *fleet) look(node string) (why string, live bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.node(node)
	return n.pod, n.live
}

// by names an agent as the observer of what it reports.
func by(node string) string { return "agent/" + node }
