package observe

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

// fleet tracks the agents: which are followed, and up to when each node was seen. Safe for concurrent use.
type fleet struct {
	mu        sync.Mutex
	followers map[string]context.CancelFunc // by the agent pod's name
	nodes     map[string]*nodeState
}

// nodeState is what is known of a node from its agents, one after the other.
type nodeState struct {
	pod  string        // what happened to its agent pod, for messages
	live bool          // a stream is open
	seen bool          // it ever sent anything
	last time.Duration // when it last observed anything; before that, since when something is expected

	blind *recording.Gap // was recorded, and has not ended
}

func newFleet() *fleet {
	return &fleet{followers: map[string]context.CancelFunc{}, nodes: map[string]*nodeState{}}
}

// node is what is known of a node; the fleet's lock is held.
func (f *fleet) node(name string, now time.Duration) *nodeState {
	if f.nodes[name] == nil {
		f.nodes[name] = &nodeState{pod: "there is no agent pod", last: now}
	}
	return f.nodes[name]
}

// agent follows an agent pod from when it runs until it is gone.
func (o *Observer) agent(ctx context.Context, p *corev1.Pod, gone bool) {
	f := o.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Spec.NodeName != "" {
		f.node(p.Spec.NodeName, o.Now()).pod = agentState(p, gone)
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
		o.spawn(func() { w.run(life) })
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

// reportMissingAgents records that nodes with pods of the workload are not seen, because their agent sends nothing, and why no
// agent reports: once, and again when the reason changes.
func (o *Observer) reportMissingAgents(ctx context.Context) {
	reported := map[string]string{}
	tick := time.NewTicker(o.pace.miss / 6)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, name := range o.plans.nodes() {
			gap, why := o.fleet.miss(name, o.Now(), o.pace.miss)
			if gap != nil {
				o.Sink(recording.Event{T: o.Now(), By: recording.ByAgent(name), Gap: gap})
			}
			if why == "" {
				delete(reported, name)
				continue
			}
			if reported[name] != why {
				reported[name] = why
				o.Sink(recording.Event{T: o.Now(), By: recording.ByAgent(name), ObserverError: &recording.ObserverError{What: why}})
				o.Log(why)
			}
		}
	}
}

// miss says why no agent reports from the node, "" if one does or has been silent only for a moment. The gap must be recorded: the
// silence is long and has not ended. It is nil if it was recorded before.
func (f *fleet) miss(node string, now, patience time.Duration) (gap *recording.Gap, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.node(node, now)
	if now-n.last <= patience {
		return nil, ""
	}
	lost := "the agent sends nothing"
	if !n.live {
		why = "no agent reports from node " + node + ": " + n.pod
		lost = why
	}
	if n.blind == nil {
		n.blind = &recording.Gap{From: n.last, Why: lost}
		gap = n.blind
	}
	return gap, why
}

// blind are the gaps that have not ended at the end of all observation, by node.
func (f *fleet) blind(now time.Duration) map[string]recording.Gap {
	f.mu.Lock()
	defer f.mu.Unlock()
	gaps := map[string]recording.Gap{}
	for name, n := range f.nodes {
		switch {
		case n.blind != nil:
			gaps[name] = recording.Gap{From: n.blind.From, To: now, Why: n.blind.Why}
		case !n.live:
			gaps[name] = recording.Gap{From: n.last, To: now, Why: "the agent was not connected at the end: " + n.pod}
		}
	}
	return gaps
}
