// Package fault keeps faults in pods' network namespaces for as long as a scenario wants them, through the agents of their
// nodes, and records when each took effect and when it was healed.
//
// In: rules, agents. Out: acts and, where a fault has no effect or its lease was lost, an error of the harness and the act that
// makes the scenario void. It gives no verdict. If the harness dies, the agents heal by themselves.
package fault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// The acts that are recorded. Void means that the scenario did not take the course that it was meant to: the detail says why.
const (
	Inject = "inject"
	Heal   = "heal"
	Void   = "void"
)

// Agent is what puts faults in place on one node.
type Agent interface {
	SetFaults(ctx context.Context, f agent.Faults) ([]agent.RuleStatus, error)
}

// Injector keeps the faults of one workload. Safe for concurrent use.
type Injector struct {
	Caught func(error) // a panic of ours in a goroutine

	holder string
	agent  func(ctx context.Context, node string) (Agent, error)
	record func(recording.Event) // without time and observer, which are the caller's
	now    func() time.Time
	every  time.Duration

	mu    sync.Mutex
	nodes map[string]*node
}

// node is what is wanted on a node, and what its agent last said of it.
type node struct {
	mu       sync.Mutex // the agent gets one request after the other
	rules    []agent.Rule
	since    map[agent.Rule]int64
	answered time.Time // when the agent last did
	lost     bool
}

// renewal has a name of its own because New's parameter hides the package.
const renewal = agent.RenewFaults

// New makes an Injector. The holder's name must be the workload's own on the cluster; agent finds the agent of a node.
func New(holder string, agent func(ctx context.Context, node string) (Agent, error), record func(recording.Event)) *Injector {
	return &Injector{holder: holder, agent: agent, record: record, now: time.Now, every: renewal, nodes: map[string]*node{}}
}

// Inject adds faults on a node, beside those that are there, and returns when it is known of each whether it bites. An error
// means that the agent could not be asked to.
func (i *Injector) Inject(ctx context.Context, on string, rules ...agent.Rule) error {
	n := i.node(on)
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.rules
	n.rules = slices.Concat(before, rules)
	bites, err := i.set(ctx, on, n)
	if err != nil {
		n.rules = before
		for _, r := range rules {
			i.void(r.Pod, fmt.Sprintf("%s could not be put in place: %v", r, err))
		}
		return fmt.Errorf("fault: node %s: %w", on, err)
	}
	for _, b := range bites[len(before):] {
		n.since[b.Rule] = b.Since
		if b.Effective {
			i.act(Inject, b.Rule.Pod, fmt.Sprintf("%s: %s", b.Rule, b.Message))
		} else {
			i.void(b.Rule.Pod, fmt.Sprintf("%s does not bite: %s", b.Rule, b.Message))
		}
	}
	return nil
}

func (i *Injector) node(name string) *node {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := i.nodes[name]
	if n == nil {
		n = &node{since: map[agent.Rule]int64{}, answered: i.now()}
		i.nodes[name] = n
	}
	return n
}

func (i *Injector) set(ctx context.Context, on string, n *node) ([]agent.RuleStatus, error) {
	a, err := i.agent(ctx, on)
	if err != nil {
		return nil, err
	}
	bites, err := a.SetFaults(ctx, agent.Faults{Holder: i.holder, Rules: n.rules})
	if err != nil {
		return nil, err
	}
	if len(bites) != len(n.rules) {
		return nil, fmt.Errorf("%d answers to %d rules", len(bites), len(n.rules))
	}
	n.answered = i.now()
	return bites, nil
}

// Run renews the leases until the context ends.
func (i *Injector) Run(ctx context.Context) {
	tick := time.NewTicker(i.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var wg sync.WaitGroup
		for _, name := range i.names() {
			guard.Go(&wg, i.Caught, func() { i.renew(ctx, name) })
		}
		wg.Wait()
	}
}

func (i *Injector) names() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all []string
	for name := range i.nodes {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// renew tells the agent that the faults are still wanted. One that is in place since another moment than before was gone
// meanwhile: the agent was restarted, or the lease had run out.
func (i *Injector) renew(ctx context.Context, on string) {
	n := i.node(on)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.rules) == 0 {
		return
	}
	bites, err := i.set(ctx, on, n)
	if err != nil {
		if late := i.now().Sub(n.answered); late > agent.Lease && !n.lost && ctx.Err() == nil {
			n.lost = true
			i.void("", fmt.Sprintf("the faults on node %s could not be renewed for %.0f s: %v", on, late.Seconds(), err))
		}
		return
	}
	n.lost = false
	for _, b := range bites {
		if was := n.since[b.Rule]; was != 0 && b.Since != was {
			i.void(b.Rule.Pod, fmt.Sprintf("%s was lifted and put in place again: %s", b.Rule, b.Message))
		}
		n.since[b.Rule] = b.Since
	}
}

// Heal ends all faults. Where an agent cannot be reached, they end with the lease.
func (i *Injector) Heal(ctx context.Context) error {
	var errs []error
	for _, name := range i.names() {
		n := i.node(name)
		n.mu.Lock()
		gone := n.rules
		n.rules = nil
		if len(gone) > 0 {
			if _, err := i.set(ctx, name, n); err != nil {
				errs = append(errs, fmt.Errorf("fault: healing node %s: %w", name, err))
			} else {
				for _, r := range gone {
					i.act(Heal, r.Pod, r.String())
				}
			}
		}
		clear(n.since)
		n.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (i *Injector) act(do, pod, detail string) {
	i.record(recording.Event{Act: &recording.Act{Do: do, Pod: pod, Detail: detail}})
}

// void records that the scenario did not take its course and, for people, what went wrong on our side.
func (i *Injector) void(pod, why string) {
	i.record(recording.Event{ObserverError: &recording.ObserverError{Pod: pod, What: why}})
	i.act(Void, pod, why)
}
