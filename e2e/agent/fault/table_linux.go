package fault

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
)

// prefix begins the names of our tables; the maker's process follows, so that whoever finds one can report whether it is
// still somebody's.
const prefix = "meshproof-"

// tableName names the tables of the process with that id and start (clock ticks since boot): ids come back.
func tableName(pid int, start uint64) string { return fmt.Sprintf("%s%d-%d", prefix, pid, start) }

// maker is the process that a table's name tells of; false for a table that is not ours.
func maker(table string) (pid int, start uint64, ours bool) {
	p, s, found := strings.Cut(strings.TrimPrefix(table, prefix), "-")
	pid, perr := strconv.Atoi(p)
	start, serr := strconv.ParseUint(s, 10, 64)
	return pid, start, strings.HasPrefix(table, prefix) && found && perr == nil && serr == nil
}

// inside runs f with a connection to the nftables of the namespace. Its socket is made on the thread that is inside.
func inside(ns *netns.Handle, f func(c *nftables.Conn) error) error {
	return ns.Do(func() error {
		c, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return errors.Join(f(c), c.CloseLasting())
	})
}

// replace puts the rules into the table of that name, in one step: there is no moment without those that stay. Without
// rules there is no table.
func replace(ns *netns.Handle, name string, rules []agent.Rule) error {
	return inside(ns, func(c *nftables.Conn) error {
		t := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: name})
		c.DelTable(t)
		if len(rules) > 0 {
			c.AddTable(t)
			in := c.AddChain(&nftables.Chain{Table: t, Name: "in", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
			out := c.AddChain(&nftables.Chain{Table: t, Name: "out", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityMangle})
			for _, r := range rules {
				for _, exprs := range inward(r) {
					c.AddRule(&nftables.Rule{Table: t, Chain: in, Exprs: exprs})
				}
				for _, exprs := range outward(r) {
					c.AddRule(&nftables.Rule{Table: t, Chain: out, Exprs: exprs})
				}
			}
		}
		if err := c.Flush(); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
		return nil
	})
}

// strays removes the tables of ours in the namespace whose maker no longer lives.
func strays(ns *netns.Handle, lives func(pid int, start uint64) bool) (int, error) {
	removed := 0
	err := inside(ns, func(c *nftables.Conn) error {
		tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if pid, start, ours := maker(t.Name); ours && !lives(pid, start) {
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

// Able reports whether nftables can be used in the namespace, by looking at what is there.
func Able(ns *netns.Handle) error {
	return inside(ns, func(c *nftables.Conn) error {
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
)

func inward(r agent.Rule) [][]expr.Any {
	switch r.Do {
	case agent.DropIn:
		return [][]expr.Any{join(loopback(expr.CmpOpNeq, expr.MetaKeyIIFNAME), to(unix.IPPROTO_TCP, r.Port), drop())}
	case agent.DropOwn:
		return [][]expr.Any{join(loopback(expr.CmpOpEq, expr.MetaKeyIIFNAME), to(unix.IPPROTO_TCP, r.Port), drop())}
	case agent.Cut:
		return [][]expr.Any{join(address(atSource, r.Peer), drop())}
	case agent.DropDNS:
		// The router's word that it dropped a packet would tell the pod what a policy does not.
		return [][]expr.Any{join(protocol(unix.IPPROTO_ICMP), load(expr.PayloadBaseTransportHeader, 0, 1), is(icmpTimeExceeded), drop())}
	}
	return nil
}

func outward(r agent.Rule) [][]expr.Any {
	switch r.Do {
	case agent.Cut:
		return [][]expr.Any{join(address(atDestination, r.Peer), drop())}
	case agent.DropDNS:
		// Dropped here, sending would fail with "operation not permitted", which no policy outside a pod can bring about.
		// A packet with one hop to live leaves the pod like any other and dies at the first router.
		var all [][]expr.Any
		for _, p := range []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP} {
			all = append(all, join(loopback(expr.CmpOpNeq, expr.MetaKeyOIFNAME), to(p, dnsPort), oneHop(p)))
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

func is(data ...byte) []expr.Any {
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
	return join([]expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}}, is(p))
}

func to(p byte, port int) []expr.Any {
	return join(protocol(p), load(expr.PayloadBaseTransportHeader, atPort, 2), is(binaryutil.BigEndian.PutUint16(uint16(port))...))
}

func address(offset uint32, addr string) []expr.Any {
	a := netip.MustParseAddr(addr).As4() // checked on arrival
	return join(load(expr.PayloadBaseNetworkHeader, offset, 4), is(a[:]...))
}

// oneHop writes the time to live, together with the protocol beside it: the checksum is kept for words of 16 bits.
func oneHop(p byte) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: []byte{1, p}},
		&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: atTTL, Len: atProtocol + 1 - atTTL, CsumType: expr.CsumTypeInet, CsumOffset: atChecksum},
	}
}
