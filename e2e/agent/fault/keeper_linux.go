package fault

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
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
	door    netns.Door
	table   string
	find    func(uid string) (pid int, err error)
	planned func(ctx context.Context, r agent.Rule) error                     // whether a plan has the pods of the rule
	lookup  func(pid int) (recording.Resolver, error)                         // the pod's resolver configuration
	outside func(ctx context.Context, network, addr string) (net.Conn, error) // dials from the agent's own namespace
	now     func() time.Time

	mu      sync.Mutex
	stopped bool
	leases  uint32 // that were ever given
	holders map[string]*lease
	targets map[string]*target          // by the pod's UID
	base    map[counted]agent.Counts    // what the rules had met when their table was last replaced
	final   map[agent.Rule]agent.Counts // what rules that are gone had met
}

// lease is a holder's rules and when they expire. The kernel has the same lease, and ends it a moment after until, whether
// the agent still runs or not.
type lease struct {
	number uint32     // in the sets of the tables
	setMu  sync.Mutex // serializes the holder's requests
	until  time.Time
	rules  []agent.RuleStatus
	links  map[agent.Rule][]link // of rules about a pair of pods: the links that were open when they were put in place
}

// New returns a Keeper that finds pods in fs. planned returns an error for a rule that is not about pods of a plan: it is not
// put in place.
func New(fs proc.FS, planned func(ctx context.Context, r agent.Rule) error) *Keeper {
	k := &Keeper{fs: fs, planned: planned, door: netns.NewDoor(string(fs)), lookup: fs.Lookup, outside: new(net.Dialer).DialContext, now: time.Now, holders: map[string]*lease{}, targets: map[string]*target{}, base: map[counted]agent.Counts{}, final: map[agent.Rule]agent.Counts{}}
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
	next, fresh := k.reuse(h, f, k.unplanned(ctx, h, f))
	links := allLinks(next, fresh)
	before := probeAll(ctx, next, fresh, maxTries)
	k.install(h, f, next, links)
	after := probeAll(ctx, next, fresh, 1)
	k.mu.Lock()
	gone := k.gone(f.Healed)
	for i := range next {
		if b := &next[i]; fresh[i] != nil && b.Since != 0 {
			b.Effective, b.Message = compare(before[i], after[i])
		}
	}
	k.mu.Unlock()
	k.work(ctx, gone)
	all := slices.Concat(next, gone, k.allBrief(ctx, f.Brief))
	for i := range all {
		if s := &all[i]; s.Since != 0 {
			s.Age = time.Duration(boot() - s.Since)
		}
	}
	return all
}

// allLinks are the open links of the new rules.
func allLinks(next []agent.RuleStatus, fresh []*target) map[agent.Rule][]link {
	links := map[agent.Rule][]link{}
	for i, at := range fresh {
		if at != nil {
			links[next[i].Rule] = openLinks(at.ns, next[i].Rule)
		}
	}
	return links
}

func refuse(f agent.Faults, why string) []agent.RuleStatus {
	var all []agent.RuleStatus
	for _, r := range slices.Concat(f.Rules, f.Healed, f.Brief) {
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
		k.leases++
		k.holders[f.Holder] = &lease{number: k.leases, until: k.now().Add(agent.Lease), links: map[agent.Rule][]link{}}
	}
	return k.holders[f.Holder]
}

// unplanned says for each rule that may not be put in place why. A rule that is in place may outlive the plan: the harness
// withdraws it a moment after a pod has left.
func (k *Keeper) unplanned(ctx context.Context, h *lease, f agent.Faults) []error {
	k.mu.Lock()
	there := map[agent.Rule]bool{}
	for _, b := range h.rules {
		there[b.Rule] = b.Since != 0
	}
	k.mu.Unlock()
	why := make([]error, len(f.Rules))
	var wg sync.WaitGroup
	for i, r := range f.Rules {
		if !r.OwnAPI() && !there[r] {
			wg.Go(func() { why[i] = k.planned(ctx, r) })
		}
	}
	wg.Wait()
	return why
}

// reuse returns the status of rules that are already in place, and the targets of the new ones.
func (k *Keeper) reuse(h *lease, f agent.Faults, unplanned []error) (next []agent.RuleStatus, fresh []*target) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, fresh = make([]agent.RuleStatus, len(f.Rules)), make([]*target, len(f.Rules))
	lapsed := k.now().After(h.until)
	moved := map[string]bool{}
	for _, pod := range podsOf(h.rules) {
		moved[pod] = k.moved(pod)
	}
	for i, r := range f.Rules {
		j := slices.IndexFunc(h.rules, func(b agent.RuleStatus) bool { return b.Rule == r && b.Since != 0 })
		if j >= 0 && !lapsed && !moved[r.Pod] {
			next[i] = h.rules[j]
			continue
		}
		next[i] = agent.RuleStatus{Rule: r}
		p, err := k.target(r, unplanned[i])
		if err != nil {
			next[i].Message = err.Error()
			continue
		}
		at := *p
		fresh[i] = &at
	}
	return next, fresh
}

// install replaces the holder's rules, or renews their lease where they stay the same.
func (k *Keeper) install(h *lease, f agent.Faults, next []agent.RuleStatus, links map[agent.Rule][]link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lease := f.Lease
	if lease == 0 {
		lease = agent.Lease
	}
	pods := podsOf(h.rules, next)
	same := k.holders[f.Holder] == h && allInPlace(next) && len(next) == len(h.rules)
	left := k.begin(h, next, links)
	h.until, h.rules = k.now().Add(lease), next
	if k.holders[f.Holder] = h; len(next) == 0 || k.stopped {
		h.rules = nil
		delete(k.holders, f.Holder)
	}
	renewed := pods
	if same && !k.stopped {
		pods = k.renew(h, pods, lease)
	}
	k.apply(pods, f.Healed...)
	for _, pod := range renewed {
		k.count(pod)
	}
	k.leave(h, left)
}

func allInPlace(rules []agent.RuleStatus) bool {
	return len(rules) > 0 && !slices.ContainsFunc(rules, func(b agent.RuleStatus) bool { return b.Since == 0 })
}

// renew renews the holder's lease in the kernel, in each of its pods. It returns the pods where that is not enough: the
// kernel had ended the fault, and it has to be put in place again.
func (k *Keeper) renew(h *lease, pods []string, lease time.Duration) (lapsed []string) {
	for _, pod := range pods {
		ok, err := false, error(nil)
		if p := k.targets[pod]; p != nil {
			ok, err = renewLease(p.ns, k.table, h.number, lease)
		}
		if ok {
			continue
		}
		lapsed = append(lapsed, pod)
		why := "its lease had run out, or somebody had removed its table"
		if err != nil {
			why = err.Error()
		}
		for i := range h.rules {
			if b := &h.rules[i]; b.Rule.Pod == pod {
				b.Since, b.Message = boot(), "put in place again, because "+why
			}
		}
	}
	return lapsed
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

// apply replaces the tables of the pods with the rules of all holders. The namespaces of pods without a fault are closed, but those of
// rules that are to be shown to be gone: a pod whose container has ended has no process by which its namespace could be found again.
func (k *Keeper) apply(pods []string, asked ...agent.Rule) {
	for _, pod := range pods {
		p := k.targets[pod]
		if p == nil {
			continue
		}
		all, of := k.wanted(pod)
		err := k.replace(pod, p.ns, all)
		for _, b := range of {
			switch {
			case err != nil:
				b.Since, b.Effective, b.Message = 0, false, err.Error()
			case b.Since == 0:
				b.Since = boot()
			}
		}
		if len(all) == 0 && err == nil && !slices.ContainsFunc(asked, func(r agent.Rule) bool { return r.Pod == pod }) {
			k.release(pod)
		}
	}
}

// wanted are the rules that are to be in place in the pod, by holder, and where the status of each is kept.
func (k *Keeper) wanted(pod string) (all []held, of []*agent.RuleStatus) {
	for _, h := range k.holders {
		its := held{lease: h.number, left: h.until.Sub(k.now())}
		if its.left <= 0 {
			continue // the kernel has ended it, and only its holder may put it in place again
		}
		for i := range h.rules {
			b := &h.rules[i]
			if b.Rule.Pod == pod && (b.Since != 0 || b.Message == "") { // not a rule whose target could not be opened
				its.rules, its.links, of = append(its.rules, b.Rule), h.links, append(of, b)
			}
		}
		if len(its.rules) > 0 {
			all = append(all, its)
		}
	}
	return all, of
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
			k.leave(h, h.rules)
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

// boot is CLOCK_BOOTTIME in nanoseconds.
func boot() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 1
	}
	return ts.Nano()
}
