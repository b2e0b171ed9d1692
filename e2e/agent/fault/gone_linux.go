package fault

import (
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
			s = k.clean(r.Pod)
			results[r.Pod] = s
		}
		if s.Rule = r; s.Gone && slices.Contains(k.wanted(r.Pod), r) {
			s = agent.RuleStatus{Rule: r, Since: boot(), Message: "still in place: another holder has the same rule"}
		}
		all = append(all, s)
	}
	return all
}

// clean makes the pod's namespace contain only the rules that are still wanted, and reports whether the kernel has confirmed it.
func (k *Keeper) clean(pod string) agent.RuleStatus {
	ns, err := k.namespace(pod)
	if err != nil {
		return agent.RuleStatus{Message: err.Error()}
	}
	if k.targets[pod] == nil {
		defer ns.Close()
	}
	err = replaceTable(ns, k.table, k.wanted(pod))
	if _, stale := removeStale(ns, k.isRunning); stale != nil {
		err = errors.Join(err, stale)
	}
	if err != nil {
		return agent.RuleStatus{Since: boot(), Message: "still in place: " + err.Error()}
	}
	if len(k.wanted(pod)) == 0 {
		k.release(pod)
	}
	return agent.RuleStatus{Gone: true, Message: "removed"}
}

// namespace is the pod's network namespace: the one that is open already, which also outlives the pod's processes, or else that
// of its process.
func (k *Keeper) namespace(pod string) (*netns.Handle, error) {
	if p := k.targets[pod]; p != nil {
		return p.ns, nil
	}
	pid, err := k.find(pod)
	if err != nil {
		return nil, err
	}
	return netns.Open(k.fs.NetNS(pid))
}

// wanted are the rules of all holders that are in place in the pod.
func (k *Keeper) wanted(pod string) (rules []agent.Rule) {
	for _, h := range k.holders {
		for _, b := range h.rules {
			if b.Rule.Pod == pod && b.Since != 0 {
				rules = append(rules, b.Rule)
			}
		}
	}
	return rules
}
