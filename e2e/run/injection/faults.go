package injection

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
)

// Inject puts the network faults of a scenario into pods, on all nodes at the same time.
func (i *Injections) Inject(ctx context.Context, faults ...scenario.Fault) error {
	lasting, brief := map[string][]agent.Rule{}, map[string][]agent.Rule{}
	for _, f := range faults {
		to := lasting
		if f.For > 0 {
			to = brief
		}
		r, err := ruleOf(f)
		if err != nil {
			i.void(f.Pod.UID, err.Error())
			return err
		}
		node := f.Pod.Last().Node
		to[node] = append(to[node], r)
	}
	return errors.Join(
		i.onEach(lasting, func(node string, rules []agent.Rule) error { return i.faults.Inject(ctx, node, rules...) }),
		i.onEach(brief, func(node string, rules []agent.Rule) error { return i.faults.Brief(ctx, node, rules...) }),
	)
}

// Heal ends all network faults.
func (i *Injections) Heal(ctx context.Context) error { return i.faults.Heal(ctx) }

// onEach does something on all nodes at the same time.
func (i *Injections) onEach(rules map[string][]agent.Rule, do func(node string, rules []agent.Rule) error) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all error
	for node, list := range rules {
		failed := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			all = errors.Join(all, err)
		}
		guard.Go(&wg, failed, func() {
			if err := do(node, list); err != nil {
				failed(err)
			}
		})
	}
	wg.Wait()
	return all
}

// ruleOf is the agent's rule of a fault.
func ruleOf(f scenario.Fault) (agent.Rule, error) {
	r := agent.Rule{Pod: f.Pod.UID, IP: f.Pod.IP(), Do: f.Do, For: f.For}
	if f.Do == recording.FaultBlip {
		r.Do = agent.Cut
	}
	if f.Peer == nil {
		return r, nil
	}
	r.Peer, r.Port = f.Peer.IP(), f.Peer.DistPort()
	if r.Port == 0 {
		return r, fmt.Errorf("the distribution port of %s is not known", f.Peer.Name)
	}
	return r, nil
}

// brief is the fault of a mutant that ends by itself, between a pod and the next one.
func (i *Injections) brief(ctx context.Context, d profile.Injection, p *view.Pod) {
	f := scenario.Fault{Do: d.Do, Pod: p, For: d.For.D()}
	for _, q := range i.runningPods() {
		if q != p {
			f.Peer = q
		}
	}
	if f.Peer == nil {
		i.void(p.UID, "there is no second pod beside "+p.Name)
		return
	}
	if err := i.Inject(ctx, f); err != nil {
		i.Log(err.Error())
	}
}
