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
		ID: "recovery/stale-name-gone", Title: "removes a deleted pod from every node's view and from DNS", Rung: check.Recovery, Level: check.Required, Scenario: "recovery", Also: []recording.Scenario{"pod-delete-forced", "all-pods", "scale", "node-drain"},
		Reads:  []recording.Kind{recording.KindPod, recording.KindProcess, recording.KindNodes, recording.KindDNS},
		Why:    "Messages to a name that stays in nodes() are lost. Discovery dials an address that stays in DNS in vain, and later the address may belong to another application.",
		Source: "https://github.com/bitwalker/libcluster/issues/202",
		Causes: map[string][]string{"stale-name": nil, "stale-address": nil},
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			for _, d := range evidence.FindDeletions(v) {
				all = append(all, traces(v, d)...)
			}
			switch {
			case len(all) > 0:
				return all
			case len(v.Removed()) > 0:
				return evidence.TooFewOthers(v, 1)
			}
			return evidence.NoDeletion(v)
		},
	}
}

// traces judges what is left of one victim, for each pod that was not removed; where all were, for those that replace them.
func traces(v *view.View, d evidence.Deletion) (all []check.Finding) {
	exit, gone := d.Victim.Exited()
	if !gone {
		return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.Unseen, Message: fmt.Sprintf("the exit of %s was not seen", d.Victim.Name)}}
	}
	others := d.Survivors
	if len(others) == 0 && len(v.Removed()) > 1 {
		others = d.Newcomers
	}
	for _, s := range others {
		all = append(all, nameGone(v, d, s, exit))
		if v.Profile.Service != "" {
			all = append(all, addressGone(v, d, s, exit))
		}
	}
	return all
}

// trace is what has to disappear of the victim: its name or its address.
type trace struct {
	code, what string
	kind       recording.Kind // of the events that it is in
	in         []recording.Event
	until      time.Duration // from when on it belongs to a running pod again
	look       func(recording.Event) (there, known bool)
}

// nameGone counts from the container's exit: until then the old node still runs.
func nameGone(v *view.View, d evidence.Deletion, s *view.Pod, exit time.Duration) check.Finding {
	name := d.Victim.Node()
	if name == "" {
		return check.Finding{Subject: check.OnPod(s), Outcome: check.Unseen, Message: fmt.Sprintf("the node name of %s is not known, so it could not be searched for", d.Victim.Name)}
	}
	f := lastSeen(v, d, s, exit, trace{
		code: "stale-name", what: fmt.Sprintf("%s in the view of %s", name, evidence.NodeOrPod(s)), kind: recording.KindNodes, in: s.Nodes,
		until: reusedFrom(v, d, runs, func(n *view.Pod) bool { return n.Node() == name }),
		look: func(e recording.Event) (there, known bool) {
			return slices.Contains(e.Nodes.Visible, name), e.Nodes.Outcome == recording.OK
		},
	})
	for _, n := range d.Newcomers {
		if f.Outcome == check.Fail && mayHaveNameOf(n, d.Victim) && n.First <= f.At {
			f.Outcome, f.Code, f.Remedy = check.Unseen, "", ""
			f.Message = fmt.Sprintf("%s was still present %.1f s after its container exited, but it may be the name of the replacement %s by then, which never told its own", name, f.Took.Seconds(), n.Name)
		}
	}
	return f
}

// mayHaveNameOf reports whether a newcomer that never told its own name may have that of the victim: pods of a StatefulSet have the
// same name again, and names by address return with the address.
func mayHaveNameOf(n, victim *view.Pod) bool {
	return n.Node() == "" && (n.Name == victim.Name || n.IP() != "" && n.IP() == victim.IP())
}

func addressGone(v *view.View, d evidence.Deletion, s *view.Pod, exit time.Duration) check.Finding {
	ip := d.Victim.IP()
	if ip == "" {
		return check.Finding{Subject: check.OnPod(s), Outcome: check.Unseen, Message: fmt.Sprintf("the address of %s is not known, so it could not be searched for", d.Victim.Name)}
	}
	f := lastSeen(v, d, s, exit, trace{
		code: "stale-address", what: fmt.Sprintf("address %s of %s in DNS (queried from %s)", ip, d.Victim.Name, s.Name), kind: recording.KindDNS, in: s.DNS,
		until: reusedFrom(v, d, reported, func(n *view.Pod) bool { return n.IP() == ip }),
		look: func(e recording.Event) (there, known bool) {
			answered := e.DNS.Outcome == recording.OK && (e.DNS.RCode == "NOERROR" || e.DNS.RCode == "NXDOMAIN")
			return slices.Contains(e.DNS.Addrs, ip), answered
		},
	})
	f.Of = []check.Subject{check.OnService(v)}
	return f
}

// reusedFrom is when a newcomer got the name or address of the victim: a StatefulSet reuses names, and a small network
// reuses addresses.
func reusedFrom(v *view.View, d evidence.Deletion, since func(*view.Pod) time.Duration, same func(*view.Pod) bool) time.Duration {
	at := v.End()
	for _, n := range d.Newcomers {
		if same(n) {
			at = min(at, since(n))
		}
	}
	return at
}

// runs is when the pod's VM was first seen. Its peers may see its name before it has answered us for itself.
func runs(p *view.Pod) time.Duration {
	at := evidence.FirstAnswered(p)
	if len(p.VMs) > 0 {
		at = min(at, p.VMs[0].T)
	}
	return at
}

func reported(p *view.Pod) time.Duration { return p.First }

// lastSeen judges how long after the exit the trace was still present. Took is when it was first seen to be gone for good.
func lastSeen(v *view.View, d evidence.Deletion, s *view.Pod, exit time.Duration, t trace) check.Finding {
	exitBy := d.Victim.ExitSeenBy()
	f := check.Finding{Subject: check.OnPod(s), Outcome: check.Pass, Reads: []recording.Kind{t.kind}}
	if exitBy == recording.ByKube {
		// It may have ended long before it was reported.
		f.From, f.Reads = max(d.Act.T, 1), append(f.Reads, recording.KindPod)
	}
	budget := v.Profile.Budgets.StaleName.D()
	slack := v.Slack(exitBy, s.AgentOf(), exit)
	last, gone, samples := exit, exit, 0
	clean := false
	for _, e := range view.Between(t.in, exit, t.until) {
		there, known := t.look(e)
		if !known {
			continue
		}
		samples++
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
		f.Message = fmt.Sprintf("%s is still present %.1f s after its container exited, but at most %s are allowed", t.what, f.Took.Seconds(), budget)
		f.Remedy = "make sure that SIGTERM reaches the VM (run it as PID 1): peers notice a node that ends without closing its connections only after net_ticktime"
		if t.code == "stale-address" {
			f.Remedy = "check that the pod is removed from the EndpointSlice (kubectl get endpointslices), and that no DNS cache answers for longer than the TTL of the records"
		}
	case t.until < v.End():
		f.Message = fmt.Sprintf("the replacement has reused it since %.1f s after the exit: %s", (t.until - exit).Seconds(), t.what)
		if !clean {
			f.Outcome = check.NotApplicable
		}
	case samples == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("nothing was observed about %s after its container exited", t.what)
	case !clean:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s is still present %.1f s after its container exited, but the recording ends before the budget of %s is over", t.what, (last-exit).Seconds(), budget)
	case f.Took > budget+slack:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s was present %.1f s after its container exited, and gone after %.1f s; nothing was observed in between, when the budget of %s was over", t.what, (last-exit).Seconds(), f.Took.Seconds(), budget)
	}
	return f
}
