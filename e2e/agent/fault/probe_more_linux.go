package fault

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
)

// closedPort is a UDP port of the peer on which nobody listens: it answers a packet with an ICMP error.
const closedPort = 9

// sendLarge sends the peer one packet that is larger than what passes where large ones are dropped, and no larger than a network's
// usual MTU. It passed if the peer says that nobody listens there.
func sendLarge(ctx context.Context, at target, r agent.Rule) result {
	c, err := at.ns.Dial(ctx, "udp4", net.JoinHostPort(r.Peer, strconv.Itoa(closedPort)), r.IP)
	if err != nil {
		return result{failed: true, text: err.Error()}
	}
	defer c.Close()
	if t, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(t)
	}
	const headers = 28 // of IP and UDP
	_, err = c.Write(make([]byte, agent.LargePacket+20-headers))
	if errors.Is(err, syscall.EPERM) {
		return result{text: "a packet of 1420 bytes was dropped"}
	}
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return result{answered: true, text: "a packet of 1420 bytes was answered"}
	case isTimeout(err):
		return result{text: "a packet of 1420 bytes got no answer in " + probeTimeout.String()}
	default:
		return result{failed: true, text: err.Error()}
	}
}

// queryTwice sends a DNS query, and once more from the same port if there is no answer. Where only first packets are lost the second
// is answered: if it is not, it was something else.
func queryTwice(ctx context.Context, at target, from string) result {
	c, err := at.ns.Dial(ctx, "udp4", net.JoinHostPort(at.resolver.Servers[0], strconv.Itoa(dnsPort)), from)
	if err != nil {
		return result{failed: true, text: err.Error()}
	}
	defer c.Close()
	conn := &dns.Conn{Conn: c}
	q := question(at.resolver.Domain())
	for try := range 2 {
		_ = c.SetDeadline(time.Now().Add(probeTimeout / 2))
		if err = conn.WriteMsg(q); err != nil {
			break
		}
		reply, err := conn.ReadMsg()
		switch {
		case err == nil && try == 0:
			return result{answered: true, text: dns.RcodeToString[reply.Rcode]}
		case err == nil:
			return result{text: "only its repetition was answered"}
		case !isTimeout(err):
			return result{failed: true, text: err.Error()}
		}
	}
	return result{failed: true, text: "neither a query nor its repetition was answered"}
}
