package fault

import (
	"context"
	"errors"
	"slices"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
)

// gone answers for rules that were healed. An agent that was started anew does not know them, and its pod may still have the
// table of the agent before it: so the answer is the kernel's and not the keeper's. k.mu is held.
func (k *Keeper) gone(healed []agent.Rule) []agent.RuleStatus {
	results := map[string]agent.RuleStatus{} // by pod
	var all []agent.RuleStatus
	for _, r := range healed {
		s, known := results[r.Pod]
		if !known {
			s = k.clean(r)
			results[r.Pod] = s
		}
		_, of := k.wanted(r.Pod)
		if s.Rule, s.Counts = r, k.final[r]; s.Gone && slices.ContainsFunc(of, func(b *agent.RuleStatus) bool { return b.Rule == r }) {
			s = agent.RuleStatus{Rule: r, Since: boot(), Message: "still in place: another holder has the same rule"}
		}
		all = append(all, s)
	}
	return all
}

// clean makes the namespace of the rule's pod contain only the rules that are still wanted, and reports whether the kernel has
// confirmed it. The namespace stays open: see works.
func (k *Keeper) clean(r agent.Rule) agent.RuleStatus {
	ns, err := k.namespace(r)
	if err != nil {
		return agent.RuleStatus{Message: err.Error()}
	}
	if k.targets[r.Pod] == nil {
		k.targets[r.Pod] = &target{ns: ns, outside: k.outside}
	}
	all, _ := k.wanted(r.Pod)
	err = k.replace(r.Pod, ns, all)
	if _, stale := removeStale(ns, k.isRunning); stale != nil {
		err = errors.Join(err, stale)
	}
	if err != nil {
		return agent.RuleStatus{Since: boot(), Message: "still in place: " + err.Error()}
	}
	return agent.RuleStatus{Gone: true, Since: boot(), Message: "removed"}
}

// work dials once more what rules that are gone had blocked, and says what came of it: that the kernel does not have them is what
// counts, because a peer may have gone meanwhile. Then the namespaces of pods without a fault are closed.
func (k *Keeper) work(ctx context.Context, gone []agent.RuleStatus) {
	fresh := make([]*target, len(gone))
	k.mu.Lock()
	for i, s := range gone {
		p := k.targets[s.Rule.Pod]
		if left, _ := k.wanted(s.Rule.Pod); p != nil && s.Gone && len(left) == 0 { // else another fault may block it, too
			at := *p
			fresh[i] = k.resolving(&at, s.Rule)
		}
	}
	k.mu.Unlock()
	for i, x := range probeAll(ctx, gone, fresh, maxTries) {
		if fresh[i] != nil {
			gone[i].Message += "; a dial: " + x.text
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range gone {
		if left, _ := k.wanted(s.Rule.Pod); s.Gone && len(left) == 0 {
			k.release(s.Rule.Pod)
		}
	}
}

// resolving is the target with the resolver that a rule about DNS needs; nil where it is not known.
func (k *Keeper) resolving(at *target, r agent.Rule) *target {
	if r.Do != agent.DropDNS && r.Do != agent.SlowDNS || len(at.resolver.Servers) > 0 {
		return at
	}
	pid, err := k.find(r.Pod)
	if err != nil {
		return nil
	}
	if at.resolver, err = k.lookup(pid); err != nil || len(at.resolver.Servers) == 0 {
		return nil
	}
	return at
}

// namespace is the network namespace of the rule's pod: the one that is open already, which also outlives the pod's processes,
// or else that of its process.
func (k *Keeper) namespace(r agent.Rule) (*netns.Handle, error) {
	if p := k.targets[r.Pod]; p != nil {
		return p.ns, nil
	}
	pid, err := k.find(r.Pod)
	if err != nil {
		return nil, err
	}
	return k.open(pid, r)
}
