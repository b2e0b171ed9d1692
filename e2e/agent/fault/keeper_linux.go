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

// Keeper keeps faults in place for as long as their holders want them. Safe for concurrent use.
type Keeper struct {
	fs      proc.FS
	table   string
	find    func(uid string) (pid int, err error)
	lookup  func(pid int) (recording.Resolver, error)                         // what the pod looks names up with
	outside func(ctx context.Context, network, addr string) (net.Conn, error) // dials from where the agent is
	now     func() time.Time

	mu      sync.Mutex
	ended   bool
	holders map[string]*holding
	places  map[string]*place // by the pod's UID
}

// holding is what one holder has got, and until when.
type holding struct {
	turn  sync.Mutex // its wishes are seen to one after the other
	until time.Time
	bites []agent.Bite
}

// New makes a Keeper that finds pods in fs.
func New(fs proc.FS) *Keeper {
	k := &Keeper{fs: fs, lookup: fs.Lookup, outside: new(net.Dialer).DialContext, now: time.Now, holders: map[string]*holding{}, places: map[string]*place{}}
	self, _ := fs.Process(os.Getpid())
	k.table = tableName(os.Getpid(), self.Started())
	k.find = func(uid string) (int, error) {
		found, err := proc.NewFinder(fs).Find([]string{uid})
		if err != nil {
			return 0, err
		}
		p, ok := found[uid]
		if !ok {
			return 0, errors.New("no process of the pod runs on this node")
		}
		return p.PID, nil
	}
	return k
}

// Run removes what a dead agent has left, then the faults whose lease has run out, and at the end of the context all
// that there are.
func (k *Keeper) Run(ctx context.Context, tell func(what string)) {
	for _, what := range k.sweep() {
		tell(what)
	}
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			k.end()
			return
		case <-tick.C:
			for _, what := range k.expire() {
				tell(what)
			}
		}
	}
}

// Set gives a holder the faults it wants from now on. What it had already stays as it is, untouched, and is answered as
// before: renewing costs nothing. The attempts that prove new ones take about a second, and a few more where what they
// are to stop does not answer at once.
func (k *Keeper) Set(ctx context.Context, f agent.Faults) []agent.Bite {
	h := k.holder(f)
	if h == nil {
		return refuse(f, "the agent is ending")
	}
	h.turn.Lock()
	defer h.turn.Unlock()
	next, fresh := k.keep(h, f)
	before := attempts(ctx, next, fresh, tries)
	k.put(h, f, next)
	after := attempts(ctx, next, fresh, 1)
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range next {
		if b := &next[i]; fresh[i] != nil && b.Since != 0 {
			b.Bites, b.Message = compare(before[i], after[i])
		}
	}
	return slices.Clone(next)
}

func refuse(f agent.Faults, why string) []agent.Bite {
	var all []agent.Bite
	for _, r := range f.Rules {
		all = append(all, agent.Bite{Rule: r, Message: why})
	}
	return all
}

// holder is who wants the faults; nil when the agent is ending.
func (k *Keeper) holder(f agent.Faults) *holding {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended {
		return nil
	}
	if k.holders[f.Holder] == nil {
		k.holders[f.Holder] = &holding{until: k.now().Add(agent.Lease)}
	}
	return k.holders[f.Holder]
}

// keep gives the answer about what is in place already, and where the proofs of the rest stand.
func (k *Keeper) keep(h *holding, f agent.Faults) (next []agent.Bite, fresh []*place) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, fresh = make([]agent.Bite, len(f.Rules)), make([]*place, len(f.Rules))
	for i, r := range f.Rules {
		j := slices.IndexFunc(h.bites, func(b agent.Bite) bool { return b.Rule == r && b.Since != 0 })
		if j >= 0 {
			next[i] = h.bites[j]
			continue
		}
		next[i] = agent.Bite{Rule: r}
		p, err := k.place(r)
		if err != nil {
			next[i].Message = err.Error()
			continue
		}
		at := *p
		fresh[i] = &at
	}
	return next, fresh
}

// put puts what the holder wants in place of what it had.
func (k *Keeper) put(h *holding, f agent.Faults, next []agent.Bite) {
	k.mu.Lock()
	defer k.mu.Unlock()
	lease := f.Lease
	if lease == 0 {
		lease = agent.Lease
	}
	pods := touched(h.bites, next)
	h.until, h.bites = k.now().Add(lease), next
	if k.holders[f.Holder] = h; len(next) == 0 || k.ended {
		h.bites = nil
		delete(k.holders, f.Holder)
	}
	k.apply(pods)
}

// touched are the pods whose rules may be others than before.
func touched(lists ...[]agent.Bite) []string {
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

// tries is how often the dial is made that must succeed before a rule is there: just after a pod's start, on a busy node,
// nobody answers within patience (measured with the cluster's DNS).
const tries = 3

// attempts makes the dials of the fresh rules, side by side, each until something comes back.
func attempts(ctx context.Context, of []agent.Bite, fresh []*place, tries int) []answer {
	all := make([]answer, len(of))
	var wg sync.WaitGroup
	for i, at := range fresh {
		if at == nil {
			continue
		}
		wg.Go(func() {
			for n := 0; n < tries && !all[i].came; n++ {
				all[i] = attempt(ctx, *at, of[i].Rule)
			}
		})
	}
	wg.Wait()
	return all
}

// place is the pod's namespace, found anew where the pod has got another.
func (k *Keeper) place(r agent.Rule) (*place, error) {
	pid, err := k.find(r.Pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", r.Pod, err)
	}
	p := k.places[r.Pod]
	if p != nil {
		if same, err := p.ns.Is(k.fs.NetNS(pid)); err != nil || !same {
			k.forget(r.Pod)
			p = nil
		}
	}
	if p == nil {
		ns, err := netns.Open(k.fs.NetNS(pid))
		if err != nil {
			return nil, err
		}
		p = &place{ns: ns, outside: k.outside}
		k.places[r.Pod] = p
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

func (k *Keeper) forget(pod string) {
	if p := k.places[pod]; p != nil {
		_ = p.ns.Close()
		delete(k.places, pod)
	}
}

// apply brings the tables of the pods to what all holders want.
func (k *Keeper) apply(pods []string) {
	for _, pod := range pods {
		p := k.places[pod]
		if p == nil {
			continue
		}
		var rules []agent.Rule
		var of []*agent.Bite
		for _, h := range k.holders {
			for i := range h.bites {
				b := &h.bites[i]
				if b.Rule.Pod == pod && (b.Since != 0 || b.Message == "") { // not what could not be looked at before
					rules, of = append(rules, b.Rule), append(of, b)
				}
			}
		}
		err := replace(p.ns, k.table, rules)
		for _, b := range of {
			switch {
			case err != nil:
				b.Since, b.Bites, b.Message = 0, false, err.Error()
			case b.Since == 0:
				b.Since = boot()
			}
		}
		if len(rules) == 0 {
			k.forget(pod)
		}
	}
}

// expire removes the faults of holders that have not renewed them.
func (k *Keeper) expire() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var told []string
	for name, h := range k.holders {
		if k.now().After(h.until) {
			delete(k.holders, name)
			k.apply(touched(h.bites))
			told = append(told, "the faults of "+name+" were not renewed and are removed")
		}
	}
	return told
}

func (k *Keeper) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	for name, h := range k.holders {
		delete(k.holders, name)
		k.apply(touched(h.bites))
	}
}

// sweep looks into every network namespace of the node for tables whose maker no longer lives.
func (k *Keeper) sweep() []string {
	entries, err := os.ReadDir(string(k.fs))
	if err != nil {
		return []string{"looking for faults that were left: " + err.Error()}
	}
	seen := map[string]bool{}
	var told []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		id, err := os.Readlink(k.fs.NetNS(pid))
		if err != nil || seen[id] {
			continue // it has gone, or its namespace was looked into
		}
		seen[id] = true
		ns, err := netns.Open(k.fs.NetNS(pid))
		if err != nil {
			continue
		}
		n, err := strays(ns, k.lives)
		_ = ns.Close()
		if n > 0 {
			told = append(told, fmt.Sprintf("%d tables of faults that a dead agent left in %s are removed (%v)", n, id, err))
		}
	}
	return told
}

func (k *Keeper) lives(pid int, start uint64) bool {
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
