package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
)

// prefix is the prefix of our tables' names. The owner's process follows, so that a later agent can check whether the
// owner still runs.
const prefix = "meshproof-"

// tableName is the table name of the process with that PID and start (clock ticks since boot). PIDs are reused, so the
// start is part of it.
func tableName(pid int, start uint64) string { return fmt.Sprintf("%s%d-%d", prefix, pid, start) }

// ownerOf is the process in a table's name; false for a table that is not ours.
func ownerOf(table string) (pid int, start uint64, ours bool) {
	p, s, found := strings.Cut(strings.TrimPrefix(table, prefix), "-")
	s, _, _ = strings.Cut(s, "-") // the table of a brief rule has a number of its own
	pid, perr := strconv.Atoi(p)
	start, serr := strconv.ParseUint(s, 10, 64)
	return pid, start, strings.HasPrefix(table, prefix) && found && perr == nil && serr == nil
}

// inNamespace runs f with a connection to the namespace's nftables. The socket is created on the thread that is inside.
func inNamespace(ns *netns.Handle, f func(c *nftables.Conn) error) error {
	return ns.Do(func() error {
		c, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return errors.Join(f(c), c.CloseLasting())
	})
}

// held are the rules of one holder in a table. The kernel itself ends them when left has passed without a renewal: whatever
// happens to the agent, no fault outlives its lease.
type held struct {
	lease uint32 // its number in the set of the table
	left  time.Duration
	rules []agent.Rule
	links map[agent.Rule][]link // that were open when a rule was put in place
}

// replaceIn replaces the rules of the table atomically: rules that stay are in place all the time. Without holders the table is
// removed.
func replaceIn(c *nftables.Conn, name string, holders []held) error {
	t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: name})
	c.DelTable(t)
	if len(holders) > 0 {
		c.AddTable(t)
		if err := addRules(c, t, holders); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	return nil
}

func addRules(c *nftables.Conn, t *nftables.Table, holders []held) error {
	in := c.AddChain(&nftables.Chain{Table: t, Name: "in", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	out := c.AddChain(&nftables.Chain{Table: t, Name: "out", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle})
	leases := leaseSet(t)
	if err := c.AddSet(leases, nil); err != nil {
		return err
	}
	for _, h := range holders {
		if slices.ContainsFunc(h.rules, func(r agent.Rule) bool { return r.Do == agent.SlowDNS }) {
			if err := c.AddSet(repeatedSet(t), nil); err != nil {
				return err
			}
			break
		}
	}
	for _, h := range holders {
		if err := c.SetAddElements(leases, []nftables.SetElement{element(h.lease, h.left)}); err != nil {
			return err
		}
		for _, r := range h.rules {
			for _, part := range withLinks(parts(r), h.links[r]) {
				chain := in
				if part.out {
					chain = out
				}
				c.AddRule(&nftables.Rule{
					Table: t, Chain: chain, UserData: tag(h.lease, r, part),
					Exprs: join(whileLeased(leases, h.lease), part.match, []expr.Any{&expr.Counter{}}, part.then),
				})
			}
		}
	}
	return nil
}

// renewLease lets the rules of a holder stay for another lease. The old element goes and the new one comes in one batch,
// so no packet slips through in between; older kernels cannot change the timeout of an element. false means that
// the rules were not in place any more: their lease has run out, or somebody has removed the table.
func renewLease(ns *netns.Handle, table string, lease uint32, left time.Duration) (bool, error) {
	err := inNamespace(ns, func(c *nftables.Conn) error {
		s := leaseSet(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: table})
		one := []nftables.SetElement{element(lease, left)}
		if err := errors.Join(c.SetDeleteElements(s, []nftables.SetElement{{Key: one[0].Key}}), c.SetAddElements(s, one)); err != nil {
			return err
		}
		return c.Flush()
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("nftables: %w", err)
	}
	return true, nil
}

// endLease ends the rules of a lease now. false means that the kernel had ended them before, because the lease had run out.
func endLease(c *nftables.Conn, table string, lease uint32) (bool, error) {
	s := leaseSet(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: table})
	if err := c.SetDeleteElements(s, []nftables.SetElement{{Key: element(lease, 0).Key}}); err != nil {
		return false, err
	}
	err := c.Flush()
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// leaseSet is the set of a table's leases. The kernel removes an element when its timeout has passed. The ID is that of a
// set in its batch.
func leaseSet(t *nftables.Table) *nftables.Set {
	return &nftables.Set{Table: t, Name: "leases", ID: 1, KeyType: nftables.TypeMark, HasTimeout: true}
}

// jiffy is more than the step of the kernel's timer, to which it rounds a timeout down.
const jiffy = 20 * time.Millisecond

// element is a lease in the set. It stays a moment longer than left, so that a fault is in place while the agent says so.
func element(lease uint32, left time.Duration) nftables.SetElement {
	return nftables.SetElement{Key: binaryutil.NativeEndian.PutUint32(lease), Timeout: left + jiffy}
}

// whileLeased is the beginning of each rule: it ends the rule for a packet that comes when the lease is not in the set.
func whileLeased(leases *nftables.Set, lease uint32) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: binaryutil.NativeEndian.PutUint32(lease)},
		&expr.Lookup{SourceRegister: 1, SetName: leases.Name, SetID: leases.ID},
	}
}

// removeStale removes our tables in the namespace whose owner no longer runs.
func removeStale(ns *netns.Handle, lives func(pid int, start uint64) bool) (int, error) {
	removed := 0
	err := inNamespace(ns, func(c *nftables.Conn) error {
		tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if pid, start, ours := ownerOf(t.Name); ours && !lives(pid, start) {
				c.DelTable(t)
				removed++
			}
		}
		if removed == 0 {
			return nil
		}
		return c.Flush()
	})
	return removed, err
}

// CheckNFTables returns an error if nftables cannot be used in the namespace. It only lists the tables.
func CheckNFTables(ns *netns.Handle) error {
	return inNamespace(ns, func(c *nftables.Conn) error {
		_, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
		return err
	})
}
