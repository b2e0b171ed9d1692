package evidence

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// UnreachedCodes are the diagnoses that Unreached gives: every way of not reaching a port.
func UnreachedCodes() []string {
	return []string{"refused", "filtered", "unreachable", "silent", "not-speaking"}
}

// Unreached turns an outcome other than ok into a diagnosis. A closed port and a filtered one have
// different remedies, so they are distinguished by the reply: a reset, an ICMP error, or nothing.
func Unreached(f *check.Finding, what string, from *view.Pod, o recording.Outcome, detail string) {
	f.Outcome = check.Fail
	switch o {
	case recording.Refused:
		f.Code = "refused"
		f.Message = fmt.Sprintf("%s refuses connections from %s: nothing listens on that address", what, from.Name)
		f.Remedy = "check that it runs and is not bound to loopback only (ERL_EPMD_ADDRESS, inet_dist_use_interface)"
	case recording.Timeout:
		f.Code = "filtered"
		f.Message = fmt.Sprintf("%s does not answer %s: packets are dropped on the way (timeout, and no reset came back)", what, from.Name)
		f.Remedy = "allow port 4369 and the distribution port between the pods of this workload in every NetworkPolicy that selects them"
	case recording.Rejected, recording.Unreachable:
		f.Code = "unreachable"
		f.Message = fmt.Sprintf("%s cannot be reached from %s: %s", what, from.Name, detail)
		f.Remedy = "check the routes and firewall rules between the Kubernetes nodes of these two pods: a router or firewall answered with an ICMP error, or a NetworkPolicy of a kind that rejects"
	case recording.Silent:
		f.Code = "silent"
		f.Message = fmt.Sprintf("%s accepts a connection from %s and then sends nothing", what, from.Name)
		f.Remedy = "check what listens on that port in the pod: another program, a sidecar proxy that accepts for a dead peer, or a node that is too busy to answer"
	default:
		f.Code = "not-speaking"
		f.Message = fmt.Sprintf("%s answers %s, but not in the expected protocol: %s (%s)", what, from.Name, o, detail)
		f.Remedy = "check which program listens on that port in the pod"
	}
	if detail != "" {
		f.Seen = append(f.Seen, detail)
	}
}

// ExplainRefused distinguishes a port that is bound to loopback from one on which nothing listens, by the socket table of the pod
// that refused: from outside they look the same.
func ExplainRefused(f *check.Finding, q *view.Pod, addr string, at time.Duration) {
	dialled, err := netip.ParseAddrPort(addr)
	listening, known := q.Listening(at)
	if f.Code != "refused" || err != nil || !known {
		return
	}
	var here []string
	loopback, there, family := true, false, true
	for _, a := range listening {
		if a.Port() == dialled.Port() {
			here = append(here, a.String())
			loopback = loopback && a.Addr().Unmap().IsLoopback()
			// A listener on :: takes IPv4 connections as well, one on 0.0.0.0 no IPv6.
			other := a.Addr().Unmap().Is4() && dialled.Addr().Unmap().Is6()
			there = there || a.Addr().IsUnspecified() && !other || a.Addr().Unmap() == dialled.Addr().Unmap()
			family = family && (other || a.Addr().IsLoopback())
		}
	}
	f.Seen = append(f.Seen, fmt.Sprintf("listeners of %s on port %d: [%s]", q.Name, dialled.Port(), strings.Join(here, " ")))
	switch {
	case len(here) == 0:
		f.Message += fmt.Sprintf(", and port %d is not open on any other address of %s", dialled.Port(), q.Name)
		f.Remedy = "read in the log of " + q.Name + " why it does not run, or on which port it listens instead"
	case there:
		f.Message = strings.Replace(f.Message, "nothing listens on that address", q.Name+" listens on "+strings.Join(here, " and ")+", so a firewall rule or a NetworkPolicy on the way rejects the connection", 1)
		f.Remedy = "find the rule that rejects the port; or the listener has only just started"
	case loopback:
		f.Code = "loopback-only"
		f.Message = strings.Replace(f.Message, "nothing listens on that address", "it is bound to "+strings.Join(here, " and ")+" only, which no peer can reach", 1)
	case family:
		f.Code = "other-family"
		f.Message = strings.Replace(f.Message, "nothing listens on that address", "it listens on "+strings.Join(here, " and ")+" only, and the pod's address is an IPv6 one", 1)
	}
}
