package fault

import (
	"errors"
	"fmt"
	"net/netip"
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
}

// replaceTable replaces the rules of the table atomically: rules that stay are in place all the time. Without holders the
// table is removed.
func replaceTable(ns *netns.Handle, name string, holders []held) error {
	return inNamespace(ns, func(c *nftables.Conn) error {
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
	})
}

func addRules(c *nftables.Conn, t *nftables.Table, holders []held) error {
	in := c.AddChain(&nftables.Chain{Table: t, Name: "in", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	out := c.AddChain(&nftables.Chain{Table: t, Name: "out", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle})
	leases := leaseSet(t)
	if err := c.AddSet(leases, nil); err != nil {
		return err
	}
	for _, h := range holders {
		if err := c.SetAddElements(leases, []nftables.SetElement{element(h.lease, h.left)}); err != nil {
			return err
		}
		for _, r := range h.rules {
			for _, exprs := range inputRules(r) {
				c.AddRule(&nftables.Rule{Table: t, Chain: in, Exprs: join(whileLeased(leases, h.lease), exprs)})
			}
			for _, exprs := range outputRules(r) {
				c.AddRule(&nftables.Rule{Table: t, Chain: out, Exprs: join(whileLeased(leases, h.lease), exprs)})
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

// Offsets in an IPv4 header without options, and in a TCP or UDP header.
const (
	atTTL, atProtocol, atChecksum = 8, 9, 10
	atSource, atDestination       = 12, 16
	atPort                        = 2 // the destination's
	icmpTimeExceeded              = 11
	icmpProhibited                = 13 // the code "communication administratively prohibited"
)

func inputRules(r agent.Rule) [][]expr.Any {
	switch r.Do {
	case agent.DropIn:
		return [][]expr.Any{join(loopback(expr.CmpOpNeq, expr.MetaKeyIIFNAME), toPort(unix.IPPROTO_TCP, r.Port), drop())}
	case agent.RejectIn:
		return [][]expr.Any{join(loopback(expr.CmpOpNeq, expr.MetaKeyIIFNAME), toPort(unix.IPPROTO_TCP, r.Port), prohibit())}
	case agent.DropOwn:
		return [][]expr.Any{join(loopback(expr.CmpOpEq, expr.MetaKeyIIFNAME), toPort(unix.IPPROTO_TCP, r.Port), drop())}
	case agent.Cut:
		return [][]expr.Any{join(address(atSource, r.Peer), drop())}
	case agent.DropDNS:
		// A router reports the dropped packet by ICMP. A NetworkPolicy reports nothing, so the report is dropped, too.
		return [][]expr.Any{join(protocol(unix.IPPROTO_ICMP), load(expr.PayloadBaseTransportHeader, 0, 1), equals(icmpTimeExceeded), drop())}
	}
	return nil
}

func outputRules(r agent.Rule) [][]expr.Any {
	switch r.Do {
	case agent.Cut:
		return [][]expr.Any{join(address(atDestination, r.Peer), drop())}
	case agent.DropDNS:
		// If the packet were dropped here, sending would fail with "operation not permitted", which a policy outside the pod
		// cannot cause. With a TTL of 1 it leaves the pod normally and the first router drops it.
		var all [][]expr.Any
		for _, p := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			all = append(all, join(loopback(expr.CmpOpNeq, expr.MetaKeyOIFNAME), toPort(p, dnsPort), oneHop(p)))
		}
		return all
	}
	return nil
}

func join(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func drop() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}} }

func prohibit() []expr.Any {
	return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: icmpProhibited}}
}

func equals(data ...byte) []expr.Any {
	return []expr.Any{&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}}
}

func load(base expr.PayloadBase, offset, length uint32) []expr.Any {
	return []expr.Any{&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: length}}
}

func loopback(op expr.CmpOp, key expr.MetaKey) []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: name}}
}

func protocol(p byte) []expr.Any {
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}}, equals(p))
}

func toPort(p byte, port int) []expr.Any {
	return join(protocol(p), load(expr.PayloadBaseTransportHeader, atPort, 2), equals(binaryutil.BigEndian.PutUint16(uint16(port))...))
}

func address(offset uint32, addr string) []expr.Any {
	a := netip.MustParseAddr(addr).As4() // agent.Faults.Check has checked it
	return join(load(expr.PayloadBaseNetworkHeader, offset, 4), equals(a[:]...))
}

// oneHop sets the TTL to 1. It writes the protocol field beside it, too, because the checksum covers 16-bit words.
func oneHop(p byte) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: []byte{1, p}},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: atTTL, Len: atProtocol + 1 - atTTL, CsumType: expr.CsumTypeInet, CsumOffset: atChecksum},
	}
}
