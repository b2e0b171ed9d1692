package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// dns asks for the A records of the plan's name as the pod's own resolver would: the first server of its resolv.conf, and
// the next where one gives no answer.
func (w *watch) dns(ctx context.Context) {
	plan, root := w.current()
	if plan.DNSName == "" {
		return
	}
	e := recording.DNS{Pod: w.pod.UID, Name: plan.DNSName, Type: "A"}
	began := time.Now()
	conf, err := w.o.fs.Lookup(root)
	if err != nil {
		e.Outcome, e.Detail = recording.ProbeError, detail(err)
		w.emit(recording.Event{DNS: &e})
		return
	}
	e.Name = complete(plan.DNSName, conf.Domain())
	var reply *dns.Msg
	var failed []string
	for i, server := range conf.Servers {
		// What is left of the time is shared among those who are left.
		short, cancel := context.WithTimeout(ctx, (agent.DialTimeout-time.Since(began))/time.Duration(len(conf.Servers)-i))
		reply, err = w.askServer(short, server, e.Name)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if e.Server = server; err == nil {
			break
		}
		failed = append(failed, server+": "+detail(err))
	}
	e.Took, e.Detail = time.Since(began), strings.Join(failed, "; ")
	if e.Outcome = recording.Outcome(erldist.DialOutcome(err)); err == nil {
		e.RCode = dns.RcodeToString[reply.Rcode]
		for _, rr := range reply.Answer {
			if a, ok := rr.(*dns.A); ok {
				e.Addrs = append(e.Addrs, a.A.String())
			}
		}
	}
	w.emit(recording.Event{DNS: &e})
}

// complete puts the cluster's domain behind a name that ends in "svc". It is in the search list of every pod that asks the
// cluster's DNS; for others it is the usual one.
func complete(name, domain string) string {
	if strings.HasSuffix(name, ".") {
		return name
	}
	return dns.Fqdn(name + "." + cmp.Or(domain, "cluster.local"))
}

func (w *watch) askServer(ctx context.Context, server, name string) (*dns.Msg, error) {
	reply, err := w.exchange(ctx, "udp", server, name)
	if err == nil && reply.Truncated {
		// More addresses than fit a datagram: the resolver says so, and TCP has them all (RFC 7766).
		reply, err = w.exchange(ctx, "tcp", server, name)
	}
	return reply, err
}

func (w *watch) exchange(ctx context.Context, network, server, name string) (*dns.Msg, error) {
	c, err := w.dial(ctx, network, net.JoinHostPort(server, "53"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if t, ok := ctx.Deadline(); ok {
		if err = c.SetDeadline(t); err != nil {
			return nil, err
		}
	}
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	conn := &dns.Conn{Conn: c, UDPSize: 4096}
	if err = conn.WriteMsg(q); err != nil {
		return nil, err
	}
	reply, err := conn.ReadMsg()
	if err != nil {
		return nil, err
	}
	if reply.Id != q.Id || !reply.Response {
		return nil, fmt.Errorf("what came is no answer to question %d", q.Id)
	}
	return reply, nil
}
