package evidence

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// How all dials to an address ended, where they ended alike.
const (
	DialsRefused    = "refused"    // by a reset
	DialsRejected   = "rejected"   // by an ICMP error
	DialsUnanswered = "unanswered" // nothing came back
	DialsClosed     = "closed"     // accepted, and closed by the peer after its challenge
)

// endOf is how all dials to the address ended, "" where they ended differently or in another way.
func endOf(d view.Target) string {
	ends := map[string]int{DialsRefused: d.Refused, DialsRejected: d.Rejected, DialsUnanswered: d.Unanswered, "unreachable": d.Unreachable, "accepted": d.Accepted}
	end := ""
	for how, n := range ends {
		switch {
		case n == 0:
		case end != "":
			return ""
		default:
			end = how
		}
	}
	switch {
	case end == "accepted" && d.ClosedAfterChallenge():
		return DialsClosed
	case end == "accepted", end == "unreachable":
		return ""
	}
	return end
}

// DialsEnd says how all dials of the pods to their peers' nodes ended, and whom they dialled; "" where they ended differently, where one
// of them dialled nobody, or was not heard all the time. Where a pod got no further than epmd those to epmd count.
func DialsEnd(v *view.View, pods []*view.Pod) (end string, to []view.Target) {
	for _, p := range pods {
		t := v.Trail(p)
		peers := t.Peers()
		if !t.Complete() || len(peers) == 0 {
			return "", nil
		}
		if nodes := slices.DeleteFunc(slices.Clone(peers), func(d view.Target) bool { return toEPMD(v, d) }); len(nodes) > 0 {
			peers = nodes
		}
		for _, d := range peers {
			how := endOf(d)
			if how == "" || end != "" && how != end {
				return "", nil
			}
			end = how
		}
		to = append(to, peers...)
	}
	return end, to
}

// toEPMD reports whether it is epmd that was dialled.
func toEPMD(v *view.View, d view.Target) bool {
	return !v.EPMDLess() && strings.HasSuffix(d.Addr, fmt.Sprintf(":%d", v.Profile.EPMDPort))
}

// DialledOf names the first of the addresses, with its pod, and how many more there are.
func DialledOf(to []view.Target) string {
	s := to[0].Addr + " of " + to[0].Pod.Name
	if len(to) > 1 {
		s += fmt.Sprintf(" and %d more", len(to)-1)
	}
	return s
}

// Listens says on which ports the pod listens, "" where that is not known.
func Listens(v *view.View, p *view.Pod) string {
	listening, known := p.Listening(v.End())
	if !known {
		return ""
	}
	var all []string
	for _, a := range listening {
		if !a.Addr().Unmap().IsLoopback() {
			all = append(all, fmt.Sprint(a.Port()))
		}
	}
	slices.Sort(all)
	return check.List(slices.Compact(all))
}

// dialEnd is how the dials to these addresses ended, in words.
func dialEnd(v *view.View, to ...view.Target) string {
	var sum recording.Dialled
	closed, epmd := true, false
	for _, d := range to {
		sum.Add(d.Dialled)
		closed, epmd = closed && d.ClosedAfterChallenge(), epmd || toEPMD(v, d)
	}
	accepted := "accepted"
	switch {
	case epmd: // it closes after each answer
	case closed:
		accepted = "accepted, and closed by the peer after its challenge: it does not take the cookie"
	case sum.Closed > 0:
		accepted = fmt.Sprintf("accepted, and %d of them closed by the peer", sum.Closed)
	}
	var all []string
	for _, x := range []struct {
		n    int
		what string
	}{{sum.Accepted, accepted}, {sum.Refused, "refused"}, {sum.Rejected, "rejected by an ICMP error"}, {sum.Unreachable, "unreachable by an ICMP error"}, {sum.Unanswered, "not answered"}} {
		switch {
		case x.n > 0 && x.n == sum.Count:
			return x.what
		case x.n > 0:
			all = append(all, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if len(all) == 0 {
		return "the answer was not seen yet"
	}
	return strings.Join(all, ", ")
}
