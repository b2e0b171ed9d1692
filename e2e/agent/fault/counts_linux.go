package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
)

// link is an open TCP connection between the pod and the peer of a rule, by its two ports.
type link struct{ local, remote uint16 }

// leastAge is how long a connection must be open to be a link: a dial of our own is shorter.
const leastAge = 200 * time.Millisecond

// openLinks are the connections between the two pods of the rule that distribution uses: one end has the rule's port. The kernel
// does not tell a connection's age, so it is asked twice.
func openLinks(ns *netns.Handle, r agent.Rule) []link {
	if !r.OfPair() {
		return nil
	}
	first, err := linksNow(ns, r)
	if err != nil || len(first) == 0 {
		return nil
	}
	time.Sleep(leastAge)
	again, err := linksNow(ns, r)
	if err != nil {
		return nil
	}
	return common(first, again)
}

// common are the links of both lists.
func common(a, b []link) []link {
	return slices.DeleteFunc(slices.Clone(a), func(l link) bool { return !slices.Contains(b, l) })
}

func linksNow(ns *netns.Handle, r agent.Rule) (all []link, err error) {
	table, err := ns.TCP()
	for _, s := range table {
		l := link{s.Local.Port(), s.Remote.Port()}
		if s.Established && s.Local.Addr().Unmap().String() == r.IP && s.Remote.Addr().Unmap().String() == r.Peer && (int(l.local) == r.Port || int(l.remote) == r.Port) {
			all = append(all, l)
		}
	}
	return all, err
}

// describe names links in messages.
func describe(r agent.Rule, links []link) string {
	var all []string
	for _, l := range links {
		all = append(all, fmt.Sprintf("%s:%d - %s:%d", r.IP, l.local, r.Peer, l.remote))
	}
	return strings.Join(all, ", ")
}

// tag names a rule of nftables, so that its counter can be found again. It is what nft lists as the rule's comment.
func tag(lease uint32, r agent.Rule, p part) []byte {
	return userdata.AppendString(nil, userdata.TypeComment, tagged{lease, r.String(), p.out, p.link}.String())
}

// tagged is what the name of a rule of nftables says.
type tagged struct {
	lease     uint32
	rule      string
	out, link bool
}

func (t tagged) String() string { return fmt.Sprintf("%d %t %t %s", t.lease, t.out, t.link, t.rule) }

// counters are the packets that each rule of the table has met. A table that is not there has none.
func counters(c *nftables.Conn, table string) (map[string]uint64, error) {
	t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: table}
	all := map[string]uint64{}
	for _, chain := range []string{"in", "out"} {
		rules, err := c.GetRules(t, &nftables.Chain{Table: t, Name: chain})
		if errors.Is(err, unix.ENOENT) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			name, ok := userdata.GetString(r.UserData, userdata.TypeComment)
			for _, e := range r.Exprs {
				if n, is := e.(*expr.Counter); is && ok {
					all[name] += n.Packets
				}
			}
		}
	}
	return all, nil
}

// met are the packets that the rule of that lease has met.
func met(all map[string]uint64, lease uint32, r agent.Rule) (c agent.Counts) {
	for _, out := range []bool{false, true} {
		of := all[tagged{lease, r.String(), out, true}.String()]
		c.OfLinks += of
		c.Met += of + all[tagged{lease, r.String(), out, false}.String()]
	}
	return c
}

// counted identifies a rule of a holder.
type counted struct {
	lease uint32
	rule  agent.Rule
}

// begin takes note of the rules that come, and returns those that go. k.mu is held.
func (k *Keeper) begin(h *lease, next []agent.RuleStatus, links map[agent.Rule][]link) (left []agent.RuleStatus) {
	for _, b := range h.rules {
		if !slices.ContainsFunc(next, func(n agent.RuleStatus) bool { return n.Rule == b.Rule }) {
			left = append(left, b)
		}
	}
	for r, list := range links {
		h.links[r] = list
		delete(k.final, r)
		k.base[counted{h.number, r}] = agent.Counts{Known: true, Links: describe(r, list)}
	}
	return left
}

// replace replaces the table of the pod. The new one counts from zero, so what the rules have met before is added up. k.mu is held.
func (k *Keeper) replace(pod string, ns *netns.Handle, all []held) error {
	return inNamespace(ns, func(c *nftables.Conn) error {
		before, unknown := counters(c, k.table)
		if err := replaceIn(c, k.table, all); err != nil {
			return err
		}
		for key, sum := range k.base {
			if key.rule.Pod == pod {
				k.base[key] = add(sum, met(before, key.lease, key.rule), unknown)
			}
		}
		return nil
	})
}

func add(sum, more agent.Counts, unknown error) agent.Counts {
	sum.Met += more.Met
	sum.OfLinks += more.OfLinks
	sum.Known = sum.Known && unknown == nil
	return sum
}

// count says what the rules of the pod have met so far. k.mu is held.
func (k *Keeper) count(pod string) {
	p := k.targets[pod]
	if p == nil {
		return
	}
	var now map[string]uint64
	unknown := inNamespace(p.ns, func(c *nftables.Conn) (err error) {
		now, err = counters(c, k.table)
		return err
	})
	for _, h := range k.holders {
		for i := range h.rules {
			if b := &h.rules[i]; b.Rule.Pod == pod {
				b.Counts = add(k.base[counted{h.number, b.Rule}], met(now, h.number, b.Rule), unknown)
			}
		}
	}
}

// maxFinal limits the rules that are gone whose counts are remembered.
const maxFinal = 1000

// leave remembers what rules had met that are gone, for when their holder asks. k.mu is held.
func (k *Keeper) leave(h *lease, gone []agent.RuleStatus) {
	for _, b := range gone {
		if len(k.final) >= maxFinal {
			clear(k.final)
		}
		key := counted{h.number, b.Rule}
		k.final[b.Rule] = k.base[key]
		delete(k.base, key)
		delete(h.links, b.Rule)
	}
}
