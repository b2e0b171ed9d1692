package sniff

import (
	"encoding/binary"
	"net/netip"
)

// packet is a UDP datagram or TCP segment, possibly truncated.
type packet struct {
	tcp      bool
	flags    byte // of TCP
	ttl      byte
	src, dst netip.AddrPort
	payload  []byte
}

// The port and protocols that the filter accepts.
const (
	dnsPort  = 53
	protoTCP = 6
	protoUDP = 17
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
		p.tcp, p.flags = true, b[13]
		if header := int(b[12]>>4) * 4; header >= 20 && header <= len(b) {
			p.payload = b[header:]
			return p, true
		}
	}
	return p, false
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
