package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// Keeper keeps faults in place while their holders renew them. Safe for concurrent use.
type Keeper struct {
	fs      proc.FS
	table   string
	find    func(uid string) (pid int, err error)
	lookup  func(pid int) (recording.Resolver, error)                         // the pod's resolver configuration
	outside func(ctx context.Context, network, addr string) (net.Conn, error) // dials from the agent's own namespace
	now     func() time.Time

	mu      sync.Mutex
	stopped bool
	holders map[string]*lease
	targets map[string]*target // by the pod's UID
}

// lease is a holder's rules and when they expire.
type lease struct {
	setMu sync.Mutex // serializes the holder's requests
	until time.Time
	rules []agent.RuleStatus
}

// New returns a Keeper that finds pods in fs.
func New(fs proc.FS) *Keeper {
	k := &Keeper{fs: fs, lookup: fs.Lookup, outside: new(net.Dialer).DialContext, now: time.Now, holders: map[string]*lease{}, targets: map[string]*target{}}
	self, _ := fs.Process(os.Getpid())
	k.table = tableName(os.Getpid(), self.Started())
	k.find = func(uid string) (int, error) {
		found, err := proc.NewFinder(fs).Find([]string{uid})
		if err != nil {
			return 0, err
		}
		p, ok := found[uid]
		if !ok {
			return 0, errors.New("no process of the pod is running on this node")
		}
		return p.PID, nil
	}
	return k
}

// Run first removes the faults of an agent that was killed, then those whose lease expires, and at the end of the context
// all faults.
func (k *Keeper) Run(ctx context.Context, report func(what string)) {
	for _, what := range k.sweep() {
		report(what)
	}
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			k.stop()
			return
		case <-tick.C:
			for _, what := range k.expire() {
				report(what)
			}
		}
	}
}

// Set replaces the faults of a holder. Rules that are already in place stay unchanged, with their status, so renewing is
// cheap. Testing a new rule takes about a second, and a few seconds more if the peer is slow to answer the dial before it.
func (k *Keeper) Set(ctx context.Context, f agent.Faults) []agent.RuleStatus {
	h := k.holder(f)
	if h == nil {
		return refuse(f, "the agent is shutting down")
	}
	h.setMu.Lock()
	defer h.setMu.Unlock()
	next, fresh := k.reuse(h, f)
	before := probeAll(ctx, next, fresh, maxTries)
	k.install(h, f, next)
	after := probeAll(ctx, next, fresh, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	gone := k.gone(f.Healed)
	for i := range next {
		if b := &next[i]; fresh[i] != nil && b.Since != 0 {
			b.Effective, b.Message = compare(before[i], after[i])
		}
	}
	return slices.Concat(next, gone)
}

func refuse(f agent.Faults, why string) []agent.RuleStatus {
	var all []agent.RuleStatus
	for _, r := range slices.Concat(f.Rules, f.Healed) {
		all = append(all, agent.RuleStatus{Rule: r, Message: why})
	}
	return all
}

// holder is the lease of the holder; nil when the agent is shutting down.
func (k *Keeper) holder(f agent.Faults) *lease {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped {
		return nil
	}
	if k.holders[f.Holder] == nil {
		k.holders[f.Holder] = &lease{until: k.now().Add(agent.Lease)}
	}
	return k.holders[f.Holder]
}

// reuse returns the status of rules that are already in place, and the targets of the new ones.
func (k *Keeper) reuse(h *lease, f agent.Faults) (next []agent.RuleStatus, fresh []*target) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, fresh = make([]agent.RuleStatus, len(f.Rules)), make([]*target, len(f.Rules))
	for i, r := range f.Rules {
		j := slices.IndexFunc(h.rules, func(b agent.RuleStatus) bool { return b.Rule == r && b.Since != 0 })
		if j >= 0 {
			next[i] = h.rules[j]
			continue
		}
		next[i] = agent.RuleStatus{Rule: r}
		p, err := k.target(r)
		if err != nil {
			next[i].Message = err.Error()
			continue
		}
		at := *p
		fresh[i] = &at
	}
	return next, fresh
}

// install replaces the holder's rules.
func (k *Keeper) install(h *lease, f agent.Faults, next []agent.RuleStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lease := f.Lease
	if lease == 0 {
		lease = agent.Lease
	}
	pods := podsOf(h.rules, next)
	h.until, h.rules = k.now().Add(lease), next
	if k.holders[f.Holder] = h; len(next) == 0 || k.stopped {
		h.rules = nil
		delete(k.holders, f.Holder)
	}
	k.apply(pods)
}

// podsOf are the pods of the rules.
func podsOf(lists ...[]agent.RuleStatus) []string {
	var all []string
	for _, l := range lists {
		for _, b := range l {
			if !slices.Contains(all, b.Rule.Pod) {
				all = append(all, b.Rule.Pod)
			}
		}
	}
	return all
}

// maxTries limits the dials before a rule is in place, which must get an answer: just after a pod's start, on a busy node,
// there is no answer within probeTimeout (measured with the cluster's DNS).
const maxTries = 3

// probeAll makes the dials of the new rules concurrently, each until there is an answer.
func probeAll(ctx context.Context, of []agent.RuleStatus, fresh []*target, tries int) []result {
	all := make([]result, len(of))
	var wg sync.WaitGroup
	for i, at := range fresh {
		if at == nil {
			continue
		}
		wg.Go(func() {
			for n := 0; n < tries && !all[i].answered; n++ {
				all[i] = probe(ctx, *at, of[i].Rule)
			}
		})
	}
	wg.Wait()
	return all
}

// target opens the pod of the rule. If the pod has a new network namespace, it is opened again.
func (k *Keeper) target(r agent.Rule) (*target, error) {
	pid, err := k.find(r.Pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", r.Pod, err)
	}
	p := k.targets[r.Pod]
	if p != nil {
		if same, err := p.ns.Same(k.fs.NetNS(pid)); err != nil || !same {
			k.release(r.Pod)
			p = nil
		}
	}
	if p == nil {
		ns, err := netns.Open(k.fs.NetNS(pid))
		if err != nil {
			return nil, err
		}
		p = &target{ns: ns, outside: k.outside}
		k.targets[r.Pod] = p
	}
	if r.Do == agent.DropDNS && len(p.resolver.Servers) == 0 {
		resolver, err := k.lookup(pid)
		if err != nil {
			return nil, err
		}
		p.resolver = resolver
	}
	return p, nil
}

func (k *Keeper) release(pod string) {
	if p := k.targets[pod]; p != nil {
		_ = p.ns.Close()
		delete(k.targets, pod)
	}
}

// apply replaces the tables of the pods with the rules of all holders.
func (k *Keeper) apply(pods []string) {
	for _, pod := range pods {
		p := k.targets[pod]
		if p == nil {
			continue
		}
		var rules []agent.Rule
		var of []*agent.RuleStatus
		for _, h := range k.holders {
			for i := range h.rules {
				b := &h.rules[i]
				if b.Rule.Pod == pod && (b.Since != 0 || b.Message == "") { // not a rule whose target could not be opened
					rules, of = append(rules, b.Rule), append(of, b)
				}
			}
		}
		err := replaceTable(p.ns, k.table, rules)
		for _, b := range of {
			switch {
			case err != nil:
				b.Since, b.Effective, b.Message = 0, false, err.Error()
			case b.Since == 0:
				b.Since = boot()
			}
		}
		if len(rules) == 0 && err == nil {
			k.release(pod)
		}
	}
}

// expire removes the faults whose lease has expired.
func (k *Keeper) expire() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var messages []string
	for name, h := range k.holders {
		if k.now().After(h.until) {
			delete(k.holders, name)
			k.apply(podsOf(h.rules))
			messages = append(messages, "removed the faults of "+name+": they were not renewed")
		}
	}
	return messages
}

func (k *Keeper) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	for name, h := range k.holders {
		delete(k.holders, name)
		k.apply(podsOf(h.rules))
	}
}

// sweep searches every network namespace of the node for tables of agents that no longer run, and removes them.
func (k *Keeper) sweep() []string {
	entries, err := os.ReadDir(string(k.fs))
	if err != nil {
		return []string{"cannot search for faults of an earlier agent: " + err.Error()}
	}
	seen := map[string]bool{}
	var messages []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		id, err := os.Readlink(k.fs.NetNS(pid))
		if err != nil || seen[id] {
			continue // the process has exited, or its namespace has been searched
		}
		seen[id] = true
		ns, err := netns.Open(k.fs.NetNS(pid))
		if err != nil {
			continue
		}
		n, err := removeStale(ns, k.isRunning)
		_ = ns.Close()
		if n > 0 {
			messages = append(messages, fmt.Sprintf("removed %d fault tables of an earlier agent from %s (error: %v)", n, id, err))
		}
	}
	return messages
}

func (k *Keeper) isRunning(pid int, start uint64) bool {
	p, ok := k.fs.Process(pid)
	return ok && p.Started() == start
}

// boot is CLOCK_BOOTTIME in nanoseconds.
func boot() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 1
	}
	return ts.Nano()
}
