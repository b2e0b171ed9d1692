package fault

import (
	"fmt"
	"net/netip"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
)

// target opens the pod of the rule, through the door: each rule has to prove that the namespace is its pod's. If the pod has
// a new network namespace, the old one is released.
func (k *Keeper) target(r agent.Rule, unplanned error) (*target, error) {
	if unplanned != nil {
		return nil, unplanned
	}
	pid, err := k.find(r.Pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", r.Pod, err)
	}
	ns, err := k.open(pid, r)
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", r.Pod, err)
	}
	p := k.targets[r.Pod]
	if p != nil {
		if p.ns.Equal(ns) {
			_ = ns.Close()
		} else {
			k.release(r.Pod)
			p = nil
		}
	}
	if p == nil {
		p = &target{ns: ns, outside: k.outside}
		k.targets[r.Pod] = p
	}
	if (r.Do == agent.DropDNS || r.Do == agent.SlowDNS) && len(p.resolver.Servers) == 0 {
		resolver, err := k.lookup(pid)
		if err != nil {
			return nil, err
		}
		p.resolver = resolver
	}
	return p, nil
}

// open opens the pod's namespace for a fault. Only the agent's own API may be cut off in the agent's own pod.
func (k *Keeper) open(pid int, r agent.Rule) (*netns.Handle, error) {
	own, err := netip.ParseAddr(r.IP)
	if err != nil {
		return nil, err
	}
	if r.OwnAPI() {
		return k.door.Agent(own)
	}
	return k.door.Pod(pid, own)
}

// moved reports whether the pod has another network namespace than the one that has our rules.
func (k *Keeper) moved(pod string) bool {
	p := k.targets[pod]
	if p == nil {
		return true
	}
	pid, err := k.find(pod)
	if err != nil {
		return false // it has ended, or is just being started again
	}
	same, err := p.ns.Same(k.fs.NetNS(pid))
	return err == nil && !same
}

func (k *Keeper) release(pod string) {
	if p := k.targets[pod]; p != nil {
		_ = p.ns.Close()
		delete(k.targets, pod)
	}
}

// sweep searches every network namespace of the node for tables of agents that no longer run, and removes them.
func (k *Keeper) sweep() []string {
	var messages []string
	err := k.door.Each(func(id string, ns *netns.Handle) {
		if n, err := removeStale(ns, k.isRunning); n > 0 {
			messages = append(messages, fmt.Sprintf("removed %d fault tables of an earlier agent from %s (error: %v)", n, id, err))
		}
	})
	if err != nil {
		messages = append(messages, "cannot search for faults of an earlier agent: "+err.Error())
	}
	return messages
}

func (k *Keeper) isRunning(pid int, start uint64) bool {
	p, ok := k.fs.Process(pid)
	return ok && p.Started() == start
}
