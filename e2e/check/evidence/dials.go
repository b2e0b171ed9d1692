package evidence

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// How all dials to an address ended, where they ended alike.
const (
	DialsRefused    = "refused"    // by a reset
	DialsRejected   = "rejected"   // by an ICMP error
	DialsUnanswered = "unanswered" // nothing came back
	DialsClosed     = "closed"     // accepted, and closed by the peer after its challenge
	DialsLeft       = "left"       // accepted, and closed by who dialled after the peer's challenge
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
	case end == "accepted" && d.LeftAfterChallenge():
		return DialsLeft
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

// dialEnd is how the dials to the address ended, in words.
func dialEnd(v *view.View, d view.Target) string {
	accepted := "accepted"
	switch {
	case toEPMD(v, d): // it closes after each answer
	case d.ClosedAfterChallenge():
		accepted = "closed by the peer after its challenge (it does not take the cookie)"
	case d.LeftAfterChallenge():
		accepted = "closed by the pod itself after the peer's challenge (the peer has another name)"
	case d.Closed > 0 && d.Closed >= d.Accepted-1:
		accepted = fmt.Sprintf("closed by the peer after %d bytes", d.After)
	}
	var all []string
	for _, x := range []struct {
		n    int
		what string
	}{{d.Accepted, accepted}, {d.Refused, "refused"}, {d.Rejected, "rejected by an ICMP error"}, {d.Unreachable, "unreachable by an ICMP error"}, {d.Unanswered, "not answered"}} {
		switch {
		case x.n > 0 && x.n == d.Count:
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

// dialEnds is how the dials to all these addresses ended: the same once, and the most frequent first. Of dials to one address that
// ended in several ways it is the most frequent that counts.
func dialEnds(v *view.View, to []view.Target) string {
	n := map[string]int{}
	var order []string
	for _, d := range to {
		end := dialEnd(v, d)
		for _, x := range []struct {
			n    int
			what string
		}{{d.Accepted, "accepted"}, {d.Refused, "refused"}, {d.Rejected, "rejected by an ICMP error"}, {d.Unreachable, "unreachable by an ICMP error"}, {d.Unanswered, "not answered"}} {
			if x.n > 0 && x.n < d.Count && 2*x.n >= d.Count {
				end = x.what
			}
		}
		if n[end]++; n[end] == 1 {
			order = append(order, end)
		}
	}
	slices.SortStableFunc(order, func(a, b string) int { return n[b] - n[a] })
	if len(order) == 1 {
		return order[0]
	}
	for i, end := range order {
		order[i] = fmt.Sprintf("%d of %d %s", n[end], len(to), end)
	}
	return strings.Join(order, ", ")
}
