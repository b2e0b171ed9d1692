package rules

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryStaleNameGone() check.Check {
	return check.Check{
		ID: "recovery/stale-name-gone", Title: "removes a deleted pod from every node's view and from DNS", Rung: check.Recovery, Level: check.Required, Scenario: "recovery",
		Reads:  []recording.Kind{recording.KindPod, recording.KindProcess, recording.KindNodes, recording.KindDNS},
		Why:    "A name that stays in nodes() is a peer that messages are sent to and lost; an address that stays in DNS is one that discovery dials in vain, or somebody else's tomorrow.",
		Source: "https://github.com/bitwalker/libcluster/issues/202",
		Causes: map[string][]string{"stale-name": nil, "stale-address": nil},
		Judge: func(v *view.View) []check.Finding {
			d, ok := evidence.FindDeletion(v)
			if !ok {
				return evidence.NoDeletion(v)
			}
			exit, gone := d.Victim.Exited()
			if !gone {
				return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.Unseen, Message: fmt.Sprintf("%s was not seen to end", d.Victim.Name)}}
			}
			if len(d.Survivors) == 0 {
				return evidence.TooFewOthers(v, 1)
			}
			var all []check.Finding
			for _, s := range d.Survivors {
				all = append(all, forgets(v, d, s, exit))
				if v.Profile.Service != "" {
					all = append(all, unlisted(v, d, s, exit))
				}
			}
			return all
		},
	}
}

// trace is something of the victim that has to disappear: its name or its address.
type trace struct {
	code, what string
	kind       recording.Kind // of the events that it is in
	in         []recording.Event
	until      time.Duration // from when on it is a living pod's again
	look       func(recording.Event) (there, known bool)
}

// forgets counts from the container's exit: until then the old name is a living node's.
func forgets(v *view.View, d evidence.Deletion, s *view.Pod, exit time.Duration) check.Finding {
	name := d.Victim.Node()
	if name == "" {
		return check.Finding{Subject: check.OnPod(s), Outcome: check.Unseen, Message: fmt.Sprintf("the node name of %s is not known, so that nobody could look for it", d.Victim.Name)}
	}
	return lastSeen(v, d, s, exit, trace{
		code: "stale-name", what: fmt.Sprintf("%s in the view of %s", name, evidence.NodeOrPod(s)), kind: recording.KindNodes, in: s.Nodes,
		until: again(v, d, evidence.FirstHeard, func(n *view.Pod) bool { return n.Node() == name }),
		look: func(e recording.Event) (there, known bool) {
			return slices.Contains(e.Nodes.Visible, name), e.Nodes.Outcome == recording.OK
		},
	})
}

func unlisted(v *view.View, d evidence.Deletion, s *view.Pod, exit time.Duration) check.Finding {
	ip := d.Victim.IP()
	if ip == "" {
		return check.Finding{Subject: check.OnPod(s), Outcome: check.Unseen, Message: fmt.Sprintf("the address of %s is not known, so that nobody could look for it", d.Victim.Name)}
	}
	f := lastSeen(v, d, s, exit, trace{
		code: "stale-address", what: fmt.Sprintf("address %s of %s in DNS, asked from %s", ip, d.Victim.Name, s.Name), kind: recording.KindDNS, in: s.DNS,
		until: again(v, d, reported, func(n *view.Pod) bool { return n.IP() == ip }),
		look: func(e recording.Event) (there, known bool) {
			answered := e.DNS.Outcome == recording.OK && (e.DNS.RCode == "NOERROR" || e.DNS.RCode == "NXDOMAIN")
			return slices.Contains(e.DNS.Addrs, ip), answered
		},
	})
	f.Of = []check.Subject{check.OnService(v)}
	return f
}

// again is when a newcomer took over what was the victim's: a StatefulSet gives names again, and a small network
// addresses.
func again(v *view.View, d evidence.Deletion, since func(*view.Pod) time.Duration, same func(*view.Pod) bool) time.Duration {
	at := v.End()
	for _, n := range d.Newcomers {
		if same(n) {
			at = min(at, since(n))
		}
	}
	return at
}

func reported(p *view.Pod) time.Duration { return p.First }

// lastSeen judges how long after the exit the trace was still there. Took is when it was first seen to be gone for good.
func lastSeen(v *view.View, d evidence.Deletion, s *view.Pod, exit time.Duration, t trace) check.Finding {
	exitBy := d.Victim.ExitSeenBy()
	f := check.Finding{Subject: check.OnPod(s), Outcome: check.Pass, Reads: []recording.Kind{t.kind}}
	if exitBy == recording.ByKube {
		// It may have ended long before it was reported.
		f.From, f.Reads = max(d.Act.T, 1), append(f.Reads, recording.KindPod)
	}
	budget := v.Profile.Budgets.StaleName.D()
	slack := v.Slack(exitBy, s.AgentOf(), exit)
	last, gone, looks := exit, exit, 0
	clean := false
	for _, e := range view.Between(t.in, exit, t.until) {
		there, known := t.look(e)
		if !known {
			continue
		}
		looks++
		switch {
		case there:
			last, clean = e.T, false
		case !clean:
			gone, clean = e.T, true
		}
	}
	f.At, f.Took = gone, gone-exit
	switch {
	case last-exit > budget+slack:
		f.Outcome, f.Code, f.At, f.Took = check.Fail, t.code, last, last-exit
		f.Message = fmt.Sprintf("%s is still there %.1f s after its container ended, %s are allowed", t.what, f.Took.Seconds(), budget)
		f.Remedy = "a node that ends without closing its connections is noticed after net_ticktime only: let SIGTERM reach the VM (it must be PID 1)"
		if t.code == "stale-address" {
			f.Remedy = "see that the EndpointSlice loses the pod (kubectl get endpointslices) and that no cache answers for longer than the records' TTL"
		}
	case t.until < v.End():
		f.Message = fmt.Sprintf("the %s is the replacement's since %.1f s after its end", t.what, (t.until - exit).Seconds())
		if !clean {
			f.Outcome = check.NotApplicable
		}
	case looks == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("nobody looked for %s after its end", t.what)
	case !clean:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s is there %.1f s after its end, and the recording ends before the budget of %s", t.what, (last-exit).Seconds(), budget)
	case f.Took > budget+slack:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s was there %.1f s after its end and gone %.1f s after it; nobody looked in between, where the budget of %s ran out", t.what, (last-exit).Seconds(), f.Took.Seconds(), budget)
	}
	return f
}
