package probe

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// dns queries the addresses of the plan's name as the pod's own resolver would: from the first server of its resolv.conf,
// and from the next one if a server does not answer. It asks in the family of the pod's own address, in which the peers have theirs.
func (w *watch) dns(ctx context.Context) {
	plan, root := w.current()
	if plan.DNSName == "" {
		return
	}
	kind := addressType(w.pod.IP)
	e := recording.DNS{Pod: w.pod.UID, Name: plan.DNSName, Type: dns.TypeToString[kind]}
	began := time.Now()
	conf, err := w.o.fs.Lookup(root)
	if err != nil {
		e.Outcome, e.Detail = recording.ProbeError, errorText(err)
		w.emit(recording.Event{DNS: &e})
		return
	}
	e.Name = fullName(plan.DNSName, conf.Domain())
	var reply *dns.Msg
	var failed []string
	for i, server := range conf.Servers {
		// The remaining servers share the remaining time.
		short, cancel := context.WithTimeout(ctx, (agent.DialTimeout-time.Since(began))/time.Duration(len(conf.Servers)-i))
		reply, err = w.askServer(short, server, e.Name, kind)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if e.Server = server; err == nil {
			break
		}
		failed = append(failed, server+": "+errorText(err))
	}
	e.Took, e.Detail = time.Since(began), strings.Join(failed, "; ")
	if e.Outcome = recording.Outcome(erldist.DialOutcome(err)); err == nil {
		e.RCode = dns.RcodeToString[reply.Rcode]
		for _, rr := range reply.Answer {
			switch a := rr.(type) {
			case *dns.A:
				e.Addrs = append(e.Addrs, a.A.String())
			case *dns.AAAA:
				e.Addrs = append(e.Addrs, a.AAAA.String())
			}
		}
	}
	w.emit(recording.Event{DNS: &e})
}

// addressType is the type of the records that have addresses of that one's family.
func addressType(ip string) uint16 {
	if a, err := netip.ParseAddr(ip); err == nil && a.Unmap().Is6() {
		return dns.TypeAAAA
	}
	return dns.TypeA
}

// fullName appends the cluster's domain to a name that ends in "svc". domain comes from the pod's search list; if it is
// empty, the default domain is used.
func fullName(name, domain string) string {
	if strings.HasSuffix(name, ".") {
		return name
	}
	return dns.Fqdn(name + "." + cmp.Or(domain, "cluster.local"))
}

func (w *watch) askServer(ctx context.Context, server, name string, kind uint16) (*dns.Msg, error) {
	reply, err := w.exchange(ctx, "udp", server, name, kind)
	if err == nil && reply.Truncated {
		// The answer does not fit into a datagram; over TCP it is complete (RFC 7766).
		reply, err = w.exchange(ctx, "tcp", server, name, kind)
	}
	return reply, err
}

func (w *watch) exchange(ctx context.Context, network, server, name string, kind uint16) (*dns.Msg, error) {
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
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	conn := &dns.Conn{Conn: c, UDPSize: 4096}
	if err = conn.WriteMsg(q); err != nil {
		return nil, err
	}
	reply, err := conn.ReadMsg()
	if err != nil {
		return nil, err
	}
	if reply.Id != q.Id || !reply.Response {
		return nil, fmt.Errorf("the received message is no answer to query %d", q.Id)
	}
	return reply, nil
}
