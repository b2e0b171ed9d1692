package fault

import (
	"net/netip"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"meshproof.dev/meshproof/e2e/agent"
)

// Offsets in an IPv4 header without options, and in a TCP or UDP header.
const (
	atLength                      = 2
	atTTL, atProtocol, atChecksum = 8, 9, 10
	atSource, atDestination       = 12, 16
	atSourcePort, atPort          = 0, 2 // atPort is the destination's
	atTCPFlags                    = 13
	syn, rst, ack                 = 0x02, 0x04, 0x10
	icmpTimeExceeded              = 11
	icmpProhibited                = 13 // the code "communication administratively prohibited"
)

// part is one rule of nftables that a fault needs.
type part struct {
	out   bool       // it is about packets that leave the pod
	link  bool       // it is about packets of a link that was open when the fault was put in place
	match []expr.Any // which packets
	then  []expr.Any // what becomes of them
}

// parts are the rules of nftables of a fault. What a packet's way and family decide is in the helpers below.
func parts(r agent.Rule) []part {
	tcp := protocol(unix.IPPROTO_TCP)
	switch r.Do {
	case agent.DropIn:
		return []part{{match: join(loopback(expr.CmpOpNeq, expr.MetaKeyIIFNAME), toPort(unix.IPPROTO_TCP, r.Port)), then: drop()}}
	case agent.RejectIn:
		return []part{{match: join(loopback(expr.CmpOpNeq, expr.MetaKeyIIFNAME), toPort(unix.IPPROTO_TCP, r.Port)), then: prohibit()}}
	case agent.DropOwn:
		return []part{{match: join(loopback(expr.CmpOpEq, expr.MetaKeyIIFNAME), toPort(unix.IPPROTO_TCP, r.Port)), then: drop()}}
	case agent.Cut:
		return pair(r, nil, drop())
	case agent.CutOut:
		return pair(r, nil, drop())[1:]
	case agent.CutNew:
		return pair(r, join(tcp, flags(syn|ack, syn)), drop())
	case agent.DropLarge:
		return pair(r, longer(agent.LargePacket), drop())
	case agent.Reset:
		// Our own resets must pass.
		return pair(r, join(tcp, flags(syn|rst, 0)), reset())
	case agent.DropDNS:
		return lostDNS(nil)
	case agent.SlowDNS:
		return slowDNS()
	}
	return nil
}

// pair are the rules about packets between the pod and the peer that match: first those that come, then those that leave.
func pair(r agent.Rule, match, then []expr.Any) []part {
	return []part{
		{match: join(loopback(expr.CmpOpNeq, expr.MetaKeyIIFNAME), address(atSource, r.Peer), match), then: then},
		{out: true, match: join(loopback(expr.CmpOpNeq, expr.MetaKeyOIFNAME), address(atDestination, r.Peer), match), then: then},
	}
}

// withLinks puts a rule for each open link before the rule for all packets, so that those of the links are counted apart.
func withLinks(of []part, links []link) []part {
	var all []part
	for _, p := range of {
		for _, l := range links {
			from, to := l.remote, l.local
			if p.out {
				from, to = to, from
			}
			own := p
			own.link = true
			own.match = join(p.match, protocol(unix.IPPROTO_TCP), ofPort(atSourcePort, from), ofPort(atPort, to))
			all = append(all, own)
		}
		all = append(all, p)
	}
	return all
}

// lostDNS lets the first router drop DNS queries that match. If a packet were dropped here, sending would fail with "operation not
// permitted", which a policy outside the pod cannot cause. With a TTL of 1 it leaves the pod normally. The router reports it by
// ICMP, which a NetworkPolicy does not: that report is dropped, too.
func lostDNS(match []expr.Any, protocols ...byte) []part {
	if len(protocols) == 0 {
		protocols = []byte{unix.IPPROTO_UDP, unix.IPPROTO_TCP}
	}
	all := []part{{match: join(protocol(unix.IPPROTO_ICMP), load(expr.PayloadBaseTransportHeader, 0, 1), equals(icmpTimeExceeded)), then: drop()}}
	for _, p := range protocols {
		all = append(all, part{out: true, match: join(loopback(expr.CmpOpNeq, expr.MetaKeyOIFNAME), toPort(p, dnsPort), match), then: oneHop(p)})
	}
	return all
}

// slowDNS loses the first packet of a query. A resolver repeats its query from the same port: what was sent from a port that is
// remembered passes.
func slowDNS() []part {
	repeated := repeatedSet(nil)
	ports := load(expr.PayloadBaseTransportHeader, atSourcePort, 4) // both of them
	first := join(ports, []expr.Any{
		&expr.Lookup{SourceRegister: 1, SetName: repeated.Name, SetID: repeated.ID, Invert: true},
		&expr.Dynset{SrcRegKey: 1, SetName: repeated.Name, SetID: repeated.ID, Operation: uint32(unix.NFT_DYNSET_OP_ADD), Timeout: repeatedFor},
	})
	return lostDNS(first, unix.IPPROTO_UDP)
}

// repeatedFor is how long the port of a query is remembered: longer than a resolver repeats it.
const repeatedFor = 15 * time.Second

// repeatedSet are the ports from which a query was sent that was lost.
func repeatedSet(t *nftables.Table) *nftables.Set {
	return &nftables.Set{Table: t, Name: "repeated", ID: 2, KeyType: nftables.TypeMark, HasTimeout: true, Dynamic: true, Timeout: repeatedFor}
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

// reset answers with a TCP reset and drops the packet.
func reset() []expr.Any { return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}} }

// flags matches TCP packets of whose flags in mask just those of value are set.
func flags(mask, value byte) []expr.Any {
	return join(load(expr.PayloadBaseTransportHeader, atTCPFlags, 1), []expr.Any{
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
	}, equals(value))
}

// longer matches packets of more bytes, with the IP header.
func longer(bytes uint16) []expr.Any {
	return join(load(expr.PayloadBaseNetworkHeader, atLength, 2), []expr.Any{&expr.Cmp{Op: expr.CmpOpGt, Register: 1, Data: binaryutil.BigEndian.PutUint16(bytes)}})
}

func ofPort(offset uint32, n uint16) []expr.Any {
	return join(load(expr.PayloadBaseTransportHeader, offset, 2), equals(binaryutil.BigEndian.PutUint16(n)...))
}
