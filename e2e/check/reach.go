package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// eachPair judges every ordered pair of different members over the settled window.
func eachPair(v *view.View, judge func(p, q *view.Pod, from, to time.Duration) Finding) []Finding {
	var all []Finding
	from, to := settled(v)
	pods := members(v)
	for _, p := range pods {
		for _, q := range pods {
			if p != q {
				all = append(all, judge(p, q, from, to))
			}
		}
	}
	if len(all) == 0 {
		return none(v, fmt.Sprintf("%d pods: there is no pair to look at", len(pods)))
	}
	return all
}

// conclude gives the attempt that decides among those of the list of which ours is true: the youngest of which
// something was learnt. A single one that got no answer after one that did is a lost packet or a moment without CPU; it
// takes two in a row. It is nil where nothing was learnt.
func conclude(list []recording.Event, outcome func(recording.Event) (o recording.Outcome, ours bool)) *recording.Event {
	var unanswered *recording.Event
	for i := len(list) - 1; i >= 0; i-- {
		o, ours := outcome(list[i])
		switch {
		case !ours || o == recording.ProbeError || o == recording.Nok || o == recording.Alive:
		case unanswered != nil && o == recording.OK:
			return &list[i]
		case unanswered != nil:
			return unanswered
		case o == recording.Timeout || o == recording.Silent:
			unanswered = &list[i]
		default:
			return &list[i]
		}
	}
	return unanswered
}

// reach gives every way of not reaching a port the same consequences.
func reach(ids []string) map[string][]string {
	m := map[string][]string{}
	for _, code := range []string{"refused", "filtered", "unreachable", "silent", "not-speaking"} {
		m[code] = ids
	}
	return m
}

// unreached turns an outcome other than ok into a diagnosis. A closed port and a filtered one have
// different remedies, so they are told apart by what came back: a reset, an ICMP error, or nothing.
func unreached(f *Finding, what string, from *view.Pod, o recording.Outcome, detail string) {
	f.Outcome = Fail
	switch o {
	case recording.Refused:
		f.Code = "refused"
		f.Says = fmt.Sprintf("%s refuses connections from %s: nothing listens on that address", what, from.Name)
		f.Remedy = "see that it runs and is not bound to loopback only (ERL_EPMD_ADDRESS, inet_dist_use_interface)"
	case recording.Timeout:
		f.Code = "filtered"
		f.Says = fmt.Sprintf("%s does not answer %s at all: packets are dropped on the way, no reset came back", what, from.Name)
		f.Remedy = "let the NetworkPolicy admit ports 4369 and the distribution port between the pods of this workload"
	case recording.Rejected, recording.Unreachable:
		f.Code = "unreachable"
		f.Says = fmt.Sprintf("%s cannot be reached from %s: %s", what, from.Name, detail)
	case recording.Silent:
		f.Code = "silent"
		f.Says = fmt.Sprintf("%s accepts a connection from %s and says nothing", what, from.Name)
		f.Remedy = "something else holds the port, a proxy accepts for a dead peer, or the node is too busy to answer"
	default:
		f.Code = "not-speaking"
		f.Says = fmt.Sprintf("%s answers %s, but not as it should: %s (%s)", what, from.Name, o, detail)
	}
	if detail != "" {
		f.Seen = append(f.Seen, detail)
	}
}
