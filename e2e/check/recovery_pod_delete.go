package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryPodDelete() Check {
	return Check{
		ID: "recovery/pod-delete", Title: "takes the replacement of a deleted pod into the mesh", Rung: Recovery, Level: Required, Scenario: "recovery",
		Why:    "Pods are replaced at every rollout, drain and eviction. A discovery that looks once, or that dies on the first dead address, leaves the newcomer alone.",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-lifetime",
		Causes: map[string][]string{"no-replacement": NeedsMesh(), "replacement-alone": {"recovery/full-again"}, "replacement-lost": {"recovery/full-again"}},
		Judge: forCluster(func(v *view.View) []Finding {
			d, ok := deleted(v)
			if !ok {
				return noDeletion(v)
			}
			if len(d.survivors) == 0 {
				return alone(v, 1)
			}
			if len(d.newcomers) == 0 {
				return []Finding{{Subject: onPod(d.victim), Outcome: Fail, Code: "no-replacement",
					Message: fmt.Sprintf("%.0f s after %s was deleted no new pod is there", (v.End() - d.act.T).Seconds(), d.victim.Name)}}
			}
			if v.MeansOneComponent() {
				return joinsSomewhere(v, d)
			}
			var all []Finding
			for _, n := range d.newcomers {
				for _, s := range d.survivors {
					all = append(all, joins(v, d, n, s), joins(v, d, s, n))
				}
			}
			return all
		}),
	}
}

// joinsSomewhere judges the newcomers of a mesh that need not be full: each hangs together with the survivors at the end, by
// its own view or theirs. It took until its own node saw the first of them, or was seen.
func joinsSomewhere(v *view.View, d deletion) []Finding {
	of := groupsAtEnd(v)
	home := map[int]bool{}
	for _, s := range d.survivors {
		if g, there := of[s]; there {
			home[g] = true
		}
	}
	var all []Finding
	for _, n := range d.newcomers {
		f := Finding{Subject: onPod(n), Of: []Subject{onService(v)}, Outcome: Pass}
		nodes, t, why := belief(n, v.End())
		g, ready := of[n]
		switch {
		case nodes == nil:
			f.Outcome, f.Message, f.Of = Unseen, why, append(f.Of, toward(v, n)...)
		case ready && home[g]:
			f.At = met(d, n)
			f.Took = f.At - d.act.T
		default:
			f.Outcome, f.Code, f.At = Fail, "replacement-alone", t
			f.Message = fmt.Sprintf("%.0f s after the deletion of %s, its replacement %s is in no cluster with a node that was there before: nodes() is [%s]", (t - d.act.T).Seconds(), d.victim.Name, orName(n), strings.Join(nodes.Visible, ", "))
			f.Remedy = "see that discovery keeps looking after it has found its peers, and that one dead address does not end its round"
			f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, n.Name)
		}
		all = append(all, f)
	}
	return all
}

// met is when the newcomer and a survivor were first in a view of the other.
func met(d deletion, n *view.Pod) time.Duration {
	first := time.Duration(-1)
	sees := func(p, q *view.Pod) {
		for _, e := range p.Nodes {
			if e.T >= born(d, q) && e.Nodes.Outcome == recording.OK && slices.ContainsFunc(e.Nodes.Visible, q.Is) {
				if first < 0 || e.T < first {
					first = e.T
				}
				return
			}
		}
	}
	for _, s := range d.survivors {
		sees(n, s)
		sees(s, n)
	}
	return max(first, d.act.T)
}

// joins finds since when p's own view has held q without a break up to the end. Seen once and lost again is not joined.
func joins(v *view.View, d deletion, p, q *view.Pod) Finding {
	f := Finding{Subject: onPair(p, q), Of: []Subject{onService(v)}, Outcome: Pass}
	var last *recording.Event
	var since time.Duration
	has, had := false, false
	looks := view.Between(p.Nodes, born(d, q), v.End())
	for i, e := range looks {
		if e.Nodes.Outcome != recording.OK {
			continue
		}
		last = &looks[i]
		was := has
		if has = slices.ContainsFunc(e.Nodes.Visible, q.Is); has && !was {
			since, had = e.T, true
		}
	}
	switch {
	case last == nil:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the view of %s was not seen after the deletion", p.Name)
		return f
	case v.End()-last.T > lately:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the view of %s was not seen in the last %.1f s", p.Name, (v.End()-last.T).Seconds())
		return f
	case has:
		f.At, f.Took = since, since-d.act.T
		return f
	}
	f.Outcome, f.Code, f.At = Fail, "replacement-alone", last.T
	f.Message = fmt.Sprintf("%.0f s after the deletion of %s, %s does not see %s: nodes() is [%s]", (last.T - d.act.T).Seconds(), d.victim.Name, orName(p), orName(q), strings.Join(last.Nodes.Visible, ", "))
	f.Remedy = "see that discovery keeps looking after it has found its peers, and that one dead address does not end its round"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	if had {
		f.Code = "replacement-lost"
		f.Message += fmt.Sprintf("; it was there %.1f s after the deletion", (since - d.act.T).Seconds())
	}
	return f
}

// born is from when on q's name in a view means q: where a replacement takes over the name of its predecessor (a
// StatefulSet's pods do), not before its own node was heard.
func born(d deletion, q *view.Pod) time.Duration {
	if q.Node() != d.victim.Node() {
		return d.act.T
	}
	return max(d.act.T, heard(q))
}

// heard is when the pod's node first answered for itself.
func heard(p *view.Pod) time.Duration {
	for _, e := range p.Nodes {
		if e.Nodes.Node != "" {
			return e.T
		}
	}
	return p.First
}

func orName(p *view.Pod) string {
	if n := p.Node(); n != "" {
		return n
	}
	return p.Name
}
