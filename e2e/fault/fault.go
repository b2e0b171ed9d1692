// Package fault keeps faults in pods' network namespaces for as long as a scenario wants them, through the agents of their
// nodes, and records when each took effect and when it was healed.
//
// In: rules, agents. Out: acts and, where a fault has no effect, its lease was lost or it could not be healed, an error of the
// harness and the act that makes the scenario void. It gives no verdict. If the harness dies, the agents heal by themselves.
package fault

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// The acts that are recorded. Void means that the scenario did not take the course that it was meant to: the detail says why.
// Unhealed means that a fault should be healed and may still be there, until the heal of the same pod: that is void, too.
const (
	Inject   = recording.Inject
	Heal     = recording.Heal
	Void     = recording.Void
	Unhealed = recording.Unhealed
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
	record func(recording.Event) // without observer, which is the caller's; T is how long ago it was, below 0
	now    func() time.Time
	every  time.Duration // between renewals
	again  time.Duration // between attempts to heal

	mu    sync.Mutex
	nodes map[string]*node
}

// node is what is wanted on a node, and what its agent last said of it.
type node struct {
	mu       sync.Mutex // the agent gets one request after the other
	rules    []agent.Rule
	healing  []healing
	since    map[agent.Rule]int64
	answered time.Time // when the agent last did
	lost     bool
}

// renewal has a name of its own because New's parameter hides the package.
const renewal = agent.RenewFaults

// New makes an Injector. The holder's name must be the workload's own on the cluster; agent finds the agent of a node.
func New(holder string, agent func(ctx context.Context, node string) (Agent, error), record func(recording.Event)) *Injector {
	return &Injector{holder: holder, agent: agent, record: record, now: time.Now, every: renewal, again: time.Second, nodes: map[string]*node{}}
}

// Inject adds faults on a node, beside those that are there, and returns when it is known of each whether it bites. An error
// means that it is not known whether they are in place: then they are healed, by Run and by Heal.
func (i *Injector) Inject(ctx context.Context, on string, rules ...agent.Rule) error {
	n := i.node(on)
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.rules
	n.rules = slices.Concat(before, rules)
	n.healing = slices.DeleteFunc(n.healing, func(h healing) bool { return slices.Contains(rules, h.rule) })
	bites, err := i.set(ctx, on, n)
	if err != nil {
		n.rules = before
		i.giveUp(n, rules)
		for _, r := range rules {
			i.void(r.Pod, fmt.Sprintf("%s could not be put in place: %v", r, err))
		}
		return fmt.Errorf("fault: node %s: %w", on, err)
	}
	for _, b := range bites[len(before):] {
		n.since[b.Rule] = b.Since
		if b.Effective {
			i.act(Inject, b.Rule, b.Age, fmt.Sprintf("%s: %s", b.Rule, b.Message))
		} else {
			i.void(b.Rule.Pod, fmt.Sprintf("%s does not bite: %s", b.Rule, b.Message))
		}
	}
	return nil
}

// Brief puts faults in place on a node that its agent takes out itself after the time that each names, and returns when they are over.
func (i *Injector) Brief(ctx context.Context, on string, rules ...agent.Rule) error {
	n := i.node(on)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range rules {
		// Until the answer has come nobody knows whether it is over, but its lease ends it.
		n.healing = append(n.healing, healing{rule: plain(r), ends: i.now().Add(r.For + Expiry), told: true})
	}
	a, err := i.agent(ctx, on)
	var answer []agent.RuleStatus
	if err == nil {
		answer, err = a.SetFaults(ctx, agent.Faults{Holder: i.holder, Rules: n.rules, Brief: rules})
	}
	if err == nil && len(answer) != len(n.rules)+len(rules) {
		err = fmt.Errorf("%d answers to %d rules", len(answer), len(n.rules)+len(rules))
	}
	if err != nil {
		for _, r := range rules {
			i.void(r.Pod, fmt.Sprintf("%s could not be put in place: %v", r, err))
		}
		return fmt.Errorf("fault: node %s: %w", on, err)
	}
	for _, b := range answer[len(n.rules):] {
		if b.Gone {
			n.healing = slices.DeleteFunc(n.healing, func(h healing) bool { return h.rule == plain(b.Rule) })
		}
		what := fmt.Sprintf("%s: %s; %s", b.Rule, b.Message, b.Counts)
		switch {
		case b.Effective && b.Gone:
			i.act(Inject, b.Rule, b.Age+b.Lasted, what)
			i.record(recording.Event{Act: &recording.Act{Do: Heal, Pod: b.Rule.Pod, Detail: what, Fault: kind(b.Rule), Peer: b.Rule.Peer, For: b.Lasted}, T: -b.Age})
		default:
			i.void(b.Rule.Pod, fmt.Sprintf("%s does not bite: %s; %s", b.Rule, b.Message, b.Counts))
		}
	}
	return nil
}

// plain is a brief rule as it is asked for when it has to be shown to be gone.
func plain(r agent.Rule) agent.Rule {
	r.Do, r.For = agent.Cut, 0
	return r
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

// set tells the agent which rules are wanted, and asks about those that are to be healed. It returns the status of those that
// are wanted.
func (i *Injector) set(ctx context.Context, on string, n *node) ([]agent.RuleStatus, error) {
	f := agent.Faults{Holder: i.holder, Rules: n.rules}
	for _, h := range n.healing {
		f.Healed = append(f.Healed, h.rule)
	}
	a, err := i.agent(ctx, on)
	var answer []agent.RuleStatus
	if err == nil {
		answer, err = a.SetFaults(ctx, f)
	}
	asked := slices.Concat(f.Rules, f.Healed)
	if err == nil && !slices.EqualFunc(answer, asked, func(s agent.RuleStatus, r agent.Rule) bool { return s.Rule == r }) {
		err = fmt.Errorf("%d answers to %d rules, or about other rules", len(answer), len(asked))
	}
	if err != nil {
		i.confirm(n, nil, err)
		return nil, err
	}
	n.answered = i.now()
	i.confirm(n, answer[len(f.Rules):], nil)
	return answer[:len(f.Rules)], nil
}

// Run renews the leases, and heals what is to be healed, until the context ends.
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
	if len(n.rules)+len(n.healing) == 0 {
		return
	}
	bites, err := i.set(ctx, on, n)
	if err != nil {
		if len(n.rules) == 0 {
			return // what is to be healed is recorded as such
		}
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

// act records what was done to a rule, and how long ago.
func (i *Injector) act(do string, r agent.Rule, ago time.Duration, detail string) {
	i.record(recording.Event{T: -ago, Act: &recording.Act{Do: do, Pod: r.Pod, Detail: detail, Fault: kind(r), Peer: r.Peer}})
}

// kind is what the recording calls the fault.
func kind(r agent.Rule) string {
	if r.Do == agent.Cut && r.For > 0 {
		return recording.FaultBlip
	}
	return r.Do
}

// void records that the scenario did not take its course and, for people, what went wrong on our side.
func (i *Injector) void(pod, why string) {
	i.record(recording.Event{ObserverError: &recording.ObserverError{Pod: pod, What: why}})
	i.record(recording.Event{Act: &recording.Act{Do: Void, Pod: pod, Detail: why}})
}
