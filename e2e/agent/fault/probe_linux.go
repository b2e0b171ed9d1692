package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/netns"
	"meshproof.dev/meshproof/e2e/recording"
)

const dnsPort = 53

// probeTimeout is the timeout of a dial that the rule should block: a successful one in a cluster takes a millisecond.
const probeTimeout = time.Second

// target is a pod in which rules are put in place and tested.
type target struct {
	ns       *netns.Handle
	resolver recording.Resolver // the pod's resolver configuration; read only for a rule about DNS
	outside  func(ctx context.Context, network, addr string) (net.Conn, error)
}

// result is the outcome of a dial that tests a rule.
type result struct {
	answered bool   // the peer answered, possibly with a reset
	failed   bool   // the dial failed on our side: it says nothing about the rule
	text     string // for messages

	prohibited bool // an ICMP error came back
}

// probe makes the dial that the rule should block. For a rule about packets from outside the pod, it dials from the
// agent's own namespace.
func probe(ctx context.Context, at target, r agent.Rule) result {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	switch r.Do {
	case agent.RejectIn:
		r.Do = agent.DropIn
		x := probe(ctx, at, r)
		if x.prohibited { // Linux reports the ICMP error as a missing route
			x.failed, x.text = false, "an ICMP error"
		}
		return x
	case agent.DropIn:
		return dial(func() (net.Conn, error) {
			return at.outside(ctx, "tcp4", net.JoinHostPort(r.IP, strconv.Itoa(r.Port)))
		})
	case agent.DropOwn:
		return dial(func() (net.Conn, error) {
			return at.ns.Dial(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)), "")
		})
	case agent.DropLarge:
		return sendLarge(ctx, at, r)
	case agent.SlowDNS:
		return queryTwice(ctx, at, r.IP)
	case agent.Cut, agent.CutOut, agent.CutNew:
		return dial(func() (net.Conn, error) {
			return at.ns.Dial(ctx, "tcp4", net.JoinHostPort(r.Peer, strconv.Itoa(r.Port)), r.IP)
		})
	default:
		return queryDNS(ctx, at, r.IP)
	}
}

func dial(connect func() (net.Conn, error)) result {
	c, err := connect()
	switch {
	case err == nil:
		_ = c.Close()
		return result{answered: true, text: "accepted"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return result{answered: true, text: "refused"}
	case isTimeout(err):
		return result{text: "no answer in " + probeTimeout.String()}
	default:
		return result{failed: true, text: err.Error(), prohibited: errors.Is(err, syscall.EHOSTUNREACH)}
	}
}

// queryDNS queries the pod's DNS server from inside the pod. The server must be able to answer without another server:
// otherwise that server could be the reason for a missing answer.
func queryDNS(ctx context.Context, at target, from string) result {
	c, err := at.ns.Dial(ctx, "udp4", net.JoinHostPort(at.resolver.Servers[0], strconv.Itoa(dnsPort)), from)
	if err != nil {
		return result{failed: true, text: err.Error()}
	}
	defer c.Close()
	if t, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(t)
	}
	q := question(at.resolver.Domain())
	conn := &dns.Conn{Conn: c}
	if err = conn.WriteMsg(q); err != nil {
		return result{failed: true, text: err.Error()}
	}
	reply, err := conn.ReadMsg()
	switch {
	case err == nil:
		return result{answered: true, text: dns.RcodeToString[reply.Rcode]}
	case errors.Is(err, syscall.ECONNREFUSED):
		return result{answered: true, text: "refused"}
	case isTimeout(err):
		return result{text: "no answer in " + probeTimeout.String()}
	default:
		return result{failed: true, text: err.Error()}
	}
}

// question is about the cluster's domain if the pod's search list has one: CoreDNS forwards everything else, also a query
// for its version (measured). Other servers are asked for their version.
func question(domain string) *dns.Msg {
	if domain != "" {
		return new(dns.Msg).SetQuestion(dns.Fqdn("svc."+domain), dns.TypeA)
	}
	q := new(dns.Msg).SetQuestion("version.bind.", dns.TypeTXT)
	q.Question[0].Qclass = dns.ClassCHAOS
	return q
}

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ETIMEDOUT)
}

// compare reports whether a rule is effective, from the dials before and after it was put in place.
func compare(before, after result) (effective bool, message string) {
	message = fmt.Sprintf("before: %s; after: %s", before.text, after.text)
	return before.answered && !after.answered && !after.failed, message
}
