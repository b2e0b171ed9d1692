package fault

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
)

// backstop is how much later than it should the kernel ends a brief rule by itself, if the agent does not.
const backstop = time.Second

// redialled is how long a dial that lost its first packet may take: it is repeated after one second, and after three.
const redialled = 4 * time.Second

// allBrief puts the rules in place and takes them out again, all at the same time.
func (k *Keeper) allBrief(ctx context.Context, rules []agent.Rule) []agent.RuleStatus {
	all := make([]agent.RuleStatus, len(rules))
	var wg sync.WaitGroup
	for i, r := range rules {
		wg.Go(func() {
			all[i] = k.brief(ctx, r)
			all[i].Rule = r
		})
	}
	wg.Wait()
	return all
}

// brief puts one rule in place and takes it out again. It has a table of its own.
func (k *Keeper) brief(ctx context.Context, r agent.Rule) (s agent.RuleStatus) {
	ns, err := k.briefNamespace(ctx, r)
	if err != nil {
		return agent.RuleStatus{Message: err.Error()}
	}
	defer ns.Close()
	b := brief{rule: r, links: openLinks(ns, r), dial: -1}
	k.mu.Lock()
	k.leases++
	b.table = fmt.Sprintf("%s-%d", k.table, k.leases)
	k.mu.Unlock()
	err = inNamespace(ns, func(c *nftables.Conn) error { return b.run(ctx, c) })
	s = agent.RuleStatus{Since: b.out, Gone: b.gone, Lasted: time.Duration(b.out - b.in), Counts: b.counts, Message: b.text}
	if err != nil {
		s.Message = err.Error()
		return s
	}
	if s.Effective = b.counts.Met > 0; r.Do == agent.Reset {
		left := openLinksOf(ns, r, b.links)
		s.Effective = len(b.links) > 0 && len(left) == 0
		s.Message += fmt.Sprintf("; of %d open links %d are left", len(b.links), len(left))
	}
	return s
}

func (k *Keeper) briefNamespace(ctx context.Context, r agent.Rule) (*netns.Handle, error) {
	if err := k.planned(ctx, r); err != nil {
		return nil, err
	}
	pid, err := k.find(r.Pod)
	if err != nil {
		return nil, fmt.Errorf("pod %s: %w", r.Pod, err)
	}
	return k.open(pid, r)
}

// brief is a rule that is in place for a short time, and what was seen of it.
type brief struct {
	rule  agent.Rule
	links []link
	table string

	in, out int64 // CLOCK_BOOTTIME, ns
	dial    int   // a socket whose first packet is sent while the rule is in place; -1 for none
	gone    bool
	counts  agent.Counts
	text    string
}

// run does all of it in one go, on a thread that is inside the namespace.
func (b *brief) run(ctx context.Context, c *nftables.Conn) error {
	own := []held{{lease: 1, left: b.rule.For + backstop, rules: []agent.Rule{b.rule}, links: map[agent.Rule][]link{b.rule: b.links}}}
	if err := replaceIn(c, b.table, own); err != nil {
		return err
	}
	b.in = boot()
	if b.rule.Do == agent.Cut {
		b.begin()
	}
	b.wait(ctx, c)
	ours, err := endLease(c, b.table, 1)
	b.out = boot()
	if err != nil {
		return err
	}
	b.text = fmt.Sprintf("in place for %s, of %s that were asked for", time.Duration(b.out-b.in).Round(10*time.Microsecond), b.rule.For)
	if !ours {
		b.text += "; the kernel ended it, because the agent was late"
	}
	all, err := counters(c, b.table)
	b.counts = met(all, 1, b.rule)
	b.counts.Known, b.counts.Links = err == nil, describe(b.rule, b.links)
	if err = replaceIn(c, b.table, nil); err != nil {
		return err
	}
	b.gone = true
	b.end(ctx)
	return nil
}

// wait waits until the rule's time is over. A reset is over when packets of both directions were answered with one.
func (b *brief) wait(ctx context.Context, c *nftables.Conn) {
	until := time.Duration(b.in) + b.rule.For
	for b.rule.Do == agent.Reset && time.Duration(boot()) < until && ctx.Err() == nil {
		if all, err := counters(c, b.table); err == nil && metBothWays(all, b.rule) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	select {
	case <-ctx.Done():
	case <-time.After(until - time.Duration(boot())):
	}
}

func metBothWays(all map[string]uint64, r agent.Rule) bool {
	in, out := tagged{1, r.String(), false, true}, tagged{1, r.String(), true, true}
	return all[in.String()] > 0 && all[out.String()] > 0
}

// begin begins a dial to the peer, which must be lost. It does not wait for it.
func (b *brief) begin() {
	own, err := netip.ParseAddr(b.rule.IP)
	if err != nil {
		return
	}
	peer, err := netip.ParseAddr(b.rule.Peer)
	if err != nil {
		return
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	if err = unix.Bind(fd, &unix.SockaddrInet4{Addr: own.As4()}); err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: b.rule.Port, Addr: peer.As4()})
	}
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return
	}
	b.dial = fd
}

// end waits until that dial is answered: its packet is sent again after a second.
func (b *brief) end(ctx context.Context) {
	if b.dial < 0 {
		return
	}
	defer unix.Close(b.dial)
	for time.Duration(boot()-b.in) < redialled && ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.dial), Events: unix.POLLOUT}}, 50)
		if err != nil || n == 0 {
			continue
		}
		errno, err := unix.GetsockoptInt(b.dial, unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && (errno == 0 || unix.Errno(errno) == unix.ECONNREFUSED) {
			b.text += fmt.Sprintf("; a dial that began in it was answered after %s", time.Duration(boot()-b.in).Round(time.Millisecond))
			return
		}
		b.text += "; a dial that began in it ended with " + unix.Errno(errno).Error()
		return
	}
	b.text += "; a dial that began in it was not answered"
}

// openLinksOf are those of the links that are still open, or are so again.
func openLinksOf(ns *netns.Handle, r agent.Rule, links []link) (left []link) {
	for range 20 {
		now, err := linksNow(ns, r)
		left = links
		if err == nil {
			left = common(links, now)
		}
		if len(left) == 0 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return left
}
