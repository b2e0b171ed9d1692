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

// patience is how long a dial that must be stopped is given: a healthy one in a cluster takes a millisecond.
const patience = time.Second

// place is where a rule's proof stands: the pod's namespace, and what it needs to know of it.
type place struct {
	ns       *netns.Handle
	resolver recording.Resolver // what the pod looks names up with; read where a rule is about DNS
	outside  func(ctx context.Context, network, addr string) (net.Conn, error)
}

// answer is how an attempt ended, as far as faults are concerned.
type answer struct {
	came bool   // something came back, be it a reset
	ours bool   // the attempt itself failed: nothing was learnt
	says string // for a person
}

// attempt makes the dial that the rule has to stop. What comes from outside is dialled from where the agent itself is.
func attempt(ctx context.Context, at place, r agent.Rule) answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	switch r.Do {
	case agent.DropIn:
		return dial(func() (net.Conn, error) {
			return at.outside(ctx, "tcp4", net.JoinHostPort(r.IP, strconv.Itoa(r.Port)))
		})
	case agent.DropOwn:
		return dial(func() (net.Conn, error) {
			return at.ns.Dial(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)), "")
		})
	case agent.Cut:
		return dial(func() (net.Conn, error) {
			return at.ns.Dial(ctx, "tcp4", net.JoinHostPort(r.Peer, strconv.Itoa(r.Port)), r.IP)
		})
	default:
		return ask(ctx, at, r.IP)
	}
}

func dial(connect func() (net.Conn, error)) answer {
	c, err := connect()
	switch {
	case err == nil:
		_ = c.Close()
		return answer{came: true, says: "accepted"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return answer{came: true, says: "refused"}
	case isTimeout(err):
		return answer{says: "no answer in " + patience.String()}
	default:
		return answer{ours: true, says: err.Error()}
	}
}

// ask puts a question to the pod's DNS server from inside the pod, one that a server answers by itself: with any other it
// could have to ask further, and be silent because somebody else is.
func ask(ctx context.Context, at place, from string) answer {
	c, err := at.ns.Dial(ctx, "udp4", net.JoinHostPort(at.resolver.Servers[0], strconv.Itoa(dnsPort)), from)
	if err != nil {
		return answer{ours: true, says: err.Error()}
	}
	defer c.Close()
	if t, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(t)
	}
	q := question(at.resolver.Domain())
	conn := &dns.Conn{Conn: c}
	if err = conn.WriteMsg(q); err != nil {
		return answer{ours: true, says: err.Error()}
	}
	reply, err := conn.ReadMsg()
	switch {
	case err == nil:
		return answer{came: true, says: dns.RcodeToString[reply.Rcode]}
	case errors.Is(err, syscall.ECONNREFUSED):
		return answer{came: true, says: "refused"}
	case isTimeout(err):
		return answer{says: "no answer in " + patience.String()}
	default:
		return answer{ours: true, says: err.Error()}
	}
}

// question is about the cluster's own domain, where the pod searches one: CoreDNS hands on whatever is outside of it, a
// question for its version, too (measured). Other servers are asked for that.
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

// compare makes the proof of the attempts before and after a rule was put in place.
func compare(before, after answer) (bites bool, says string) {
	says = fmt.Sprintf("before: %s; after: %s", before.says, after.says)
	return before.came && !after.came && !after.ours, says
}
