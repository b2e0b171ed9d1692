package sniff

import (
	"encoding/binary"
	"net/netip"
)

// packet is a UDP datagram or TCP segment, possibly truncated.
type packet struct {
	tcp      bool
	flags    byte   // of TCP
	seq, ack uint32 // of TCP: the number of the first byte of the payload, or of a SYN, and of the byte that is expected next
	ttl      byte
	src, dst netip.AddrPort
	payload  []byte
}

// The port and protocols that the filter accepts.
const (
	dnsPort     = 53
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// parse parses an IP packet from its network header on. It does not skip IPv6 extension headers: no resolver sends any.
// Of a fragmented datagram only the first fragment is parsed, the others have no ports.
func parse(b []byte) (p packet, ok bool) {
	if len(b) < 20 {
		return p, false
	}
	var proto byte
	var src, dst netip.Addr
	switch b[0] >> 4 {
	case 4:
		header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		if header < 20 || header > len(b) || binary.BigEndian.Uint16(b[6:])&0x1fff != 0 {
			return p, false
		}
		p.ttl = b[8]
		proto, src, dst = b[9], netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		if total >= header && total < len(b) {
			b = b[:total] // the rest is padding
		}
		b = b[header:]
	case 6:
		if len(b) < 40 {
			return p, false
		}
		length := int(binary.BigEndian.Uint16(b[4:]))
		p.ttl = b[7]
		proto, src, dst = b[6], netip.AddrFrom16([16]byte(b[8:24])).Unmap(), netip.AddrFrom16([16]byte(b[24:40])).Unmap()
		if b = b[40:]; length > 0 && length < len(b) {
			b = b[:length]
		}
	default:
		return p, false
	}
	if len(b) < 4 {
		return p, false
	}
	p.src, p.dst = netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:]))
	switch {
	case proto == protoUDP && len(b) >= 8:
		p.payload = b[8:]
		return p, true
	case proto == protoTCP && len(b) >= 20:
		p.tcp, p.flags, p.seq = true, b[13], binary.BigEndian.Uint32(b[4:])
		p.ack = binary.BigEndian.Uint32(b[8:])
		if header := int(b[12]>>4) * 4; header >= 20 && header <= len(b) {
			p.payload = b[header:]
			return p, true
		}
	}
	return p, false
}

// The types of ICMP messages that say that a packet was not delivered: of IPv4 and of IPv6.
const (
	undelivered   = 3
	undeliveredV6 = 1
)

// tooBig is the code of IPv4's that says only that the packet must be made smaller.
const tooBig = 4

// parseUndelivered parses an ICMP message that says that a TCP segment was not delivered: where that was from and to, and whether a
// rule forbade it or the port was closed (rejected), or no way led there.
func parseUndelivered(b []byte) (from, to netip.AddrPort, rejected, ok bool) {
	header, kind := 0, byte(0)
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && b[9] == protoICMP:
		header, kind = int(b[0]&15)*4, undelivered
	case len(b) >= 40 && b[0]>>4 == 6 && b[6] == protoICMPv6:
		header, kind = 40, undeliveredV6
	default:
		return from, to, false, false
	}
	if len(b) < header+8 || b[header] != kind || kind == undelivered && b[header+1] == tooBig {
		return from, to, false, false
	}
	code := b[header+1]
	// What follows is the beginning of the packet. A router may have left only the ports of its TCP header.
	switch b = b[header+8:]; {
	case len(b) >= 20 && b[0]>>4 == 4 && b[9] == protoTCP:
		h := int(b[0]&15) * 4
		if h < 20 || len(b) < h+4 {
			return from, to, false, false
		}
		from, to = addrPort(netip.AddrFrom4([4]byte(b[12:16])), b[h:]), addrPort(netip.AddrFrom4([4]byte(b[16:20])), b[h+2:])
		rejected = code == 2 || code == 3 || code == 9 || code == 10 || code == 13 // protocol and port unreachable, and "prohibited"
	case len(b) >= 44 && b[0]>>4 == 6 && b[6] == protoTCP:
		from, to = addrPort(netip.AddrFrom16([16]byte(b[8:24])), b[40:]), addrPort(netip.AddrFrom16([16]byte(b[24:40])), b[42:])
		rejected = code == 1 || code >= 4
	default:
		return from, to, false, false
	}
	return from, to, rejected, true
}

func addrPort(a netip.Addr, port []byte) netip.AddrPort {
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}

// message is the DNS message at the beginning of the packet. In TCP each message has a length prefix of two bytes (RFC
// 1035, 4.2.2). A segment that continues a message cannot be recognized, but its bytes are rarely a valid message. That is
// enough for counting: a question fits into one segment, and so does the beginning of an answer.
func (p packet) message() []byte {
	b := p.payload
	if !p.tcp {
		return b
	}
	if len(b) < 2 {
		return nil
	}
	n := int(binary.BigEndian.Uint16(b))
	return b[2:min(len(b), 2+n)]
}
