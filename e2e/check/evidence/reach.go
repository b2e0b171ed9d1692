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

// UnreachedCodes are the diagnoses that unreached makes: every way of not reaching a port.
func UnreachedCodes() []string {
	return []string{"refused", "filtered", "unreachable", "silent", "not-speaking"}
}

// Unreached turns an outcome other than ok into a diagnosis. A closed port and a filtered one have
// different remedies, so they are told apart by what came back: a reset, an ICMP error, or nothing.
func Unreached(f *check.Finding, what string, from *view.Pod, o recording.Outcome, detail string) {
	f.Outcome = check.Fail
	switch o {
	case recording.Refused:
		f.Code = "refused"
		f.Message = fmt.Sprintf("%s refuses connections from %s: nothing listens on that address", what, from.Name)
		f.Remedy = "see that it runs and is not bound to loopback only (ERL_EPMD_ADDRESS, inet_dist_use_interface)"
	case recording.Timeout:
		f.Code = "filtered"
		f.Message = fmt.Sprintf("%s does not answer %s at all: packets are dropped on the way, no reset came back", what, from.Name)
		f.Remedy = "let the NetworkPolicy admit ports 4369 and the distribution port between the pods of this workload"
	case recording.Rejected, recording.Unreachable:
		f.Code = "unreachable"
		f.Message = fmt.Sprintf("%s cannot be reached from %s: %s", what, from.Name, detail)
		f.Remedy = "see the routes and the rules between the two nodes' pod networks: something answers that there is no way"
	case recording.Silent:
		f.Code = "silent"
		f.Message = fmt.Sprintf("%s accepts a connection from %s and says nothing", what, from.Name)
		f.Remedy = "something else holds the port, a proxy accepts for a dead peer, or the node is too busy to answer"
	default:
		f.Code = "not-speaking"
		f.Message = fmt.Sprintf("%s answers %s, but not as it should: %s (%s)", what, from.Name, o, detail)
		f.Remedy = "see what listens on that port in the pod"
	}
	if detail != "" {
		f.Seen = append(f.Seen, detail)
	}
}

// ExplainRefused tells a port that is bound to loopback from one on which nobody listens, by the socket table of the pod that
// refused: from outside they look the same.
func ExplainRefused(f *check.Finding, q *view.Pod, addr string, at time.Duration) {
	dialled, err := netip.ParseAddrPort(addr)
	listening, known := q.Listening(at)
	if f.Code != "refused" || err != nil || !known {
		return
	}
	var here []string
	loopback, there := true, false
	for _, a := range listening {
		if a.Port() == dialled.Port() {
			here = append(here, a.String())
			loopback = loopback && a.Addr().Unmap().IsLoopback()
			there = there || a.Addr().IsUnspecified() || a.Addr().Unmap() == dialled.Addr().Unmap()
		}
	}
	f.Seen = append(f.Seen, fmt.Sprintf("listeners of %s on port %d: [%s]", q.Name, dialled.Port(), strings.Join(here, " ")))
	switch {
	case len(here) == 0:
		f.Message += fmt.Sprintf(" nor on any other of the pod: port %d is not open in %s", dialled.Port(), q.Name)
		f.Remedy = "see in the log of " + q.Name + " why it does not run, or where it listens instead"
	case there:
		f.Message = strings.Replace(f.Message, "nothing listens on that address", q.Name+" listens on "+strings.Join(here, " and ")+", so that a rule on the way resets the connection", 1)
		f.Remedy = "look for a NetworkPolicy or a firewall that rejects the port, and whether the listener is only just starting"
	case loopback:
		f.Code = "loopback-only"
		f.Message = strings.Replace(f.Message, "nothing listens on that address", "it is bound to "+strings.Join(here, " and ")+" only, which no peer can reach", 1)
	}
}
