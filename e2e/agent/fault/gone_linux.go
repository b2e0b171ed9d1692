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
			s = k.clean(r)
			results[r.Pod] = s
		}
		_, of := k.wanted(r.Pod)
		if s.Rule = r; s.Gone && slices.ContainsFunc(of, func(b *agent.RuleStatus) bool { return b.Rule == r }) {
			s = agent.RuleStatus{Rule: r, Since: boot(), Message: "still in place: another holder has the same rule"}
		}
		all = append(all, s)
	}
	return all
}

// clean makes the namespace of the rule's pod contain only the rules that are still wanted, and reports whether the kernel has
// confirmed it.
func (k *Keeper) clean(r agent.Rule) agent.RuleStatus {
	ns, err := k.namespace(r)
	if err != nil {
		return agent.RuleStatus{Message: err.Error()}
	}
	if k.targets[r.Pod] == nil {
		defer ns.Close()
	}
	all, _ := k.wanted(r.Pod)
	err = replaceTable(ns, k.table, all)
	if _, stale := removeStale(ns, k.isRunning); stale != nil {
		err = errors.Join(err, stale)
	}
	if err != nil {
		return agent.RuleStatus{Since: boot(), Message: "still in place: " + err.Error()}
	}
	if len(all) == 0 {
		k.release(r.Pod)
	}
	return agent.RuleStatus{Gone: true, Message: "removed"}
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
