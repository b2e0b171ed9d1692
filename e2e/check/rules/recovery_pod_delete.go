package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryPodDelete() check.Check {
	return check.Check{
		ID: "recovery/pod-delete", Title: "takes the replacement of a deleted pod into the mesh", Rung: check.Recovery, Level: check.Required, Scenario: "recovery", Also: []recording.Scenario{"pod-delete-forced", "node-drain", "node-stop", "epmd-killed"}, Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "Pods are replaced at every rollout, drain and eviction. Discovery that runs only once, or that stops at the first dead address, leaves the replacement alone.",
		Source: "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-lifetime",
		Causes: map[string][]string{"no-replacement": check.NeedsMesh(), "replacement-alone": {"recovery/full-again"}, "replacement-lost": {"recovery/full-again"}},
		Judge: evidence.ForCluster(func(v *view.View) []check.Finding {
			removed := evidence.FindDeletions(v)
			if len(removed) == 0 {
				return evidence.NoDeletion(v)
			}
			d := removed[0]
			if len(d.Survivors) == 0 {
				return evidence.TooFewOthers(v, 1)
			}
			if len(d.Newcomers) == 0 && lostForNow(removed) {
				return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.NotApplicable,
					Message: fmt.Sprintf("%s is lost with its node, and Kubernetes does not replace a pod of a StatefulSet before its node is back or somebody deletes the pod by force", d.Victim.Name)}}
			}
			if len(d.Newcomers) == 0 {
				why, remedy := evidence.Refused(v)
				return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.Fail, Code: "no-replacement", At: v.End(), Reads: []recording.Kind{recording.KindPod},
					Message: fmt.Sprintf("%.0f s after %s was deleted there is no new pod%s", (v.End() - d.Act.T).Seconds(), d.Victim.Name, why), Remedy: remedy}}
			}
			if v.MeansOneComponent() {
				return joinsCluster(v, d)
			}
			var all []check.Finding
			for _, n := range d.Newcomers {
				d := evidence.Replaced(removed, n)
				for _, s := range d.Survivors {
					all = append(all, joins(v, d, n, s), joins(v, d, s, n))
				}
			}
			return all
		}),
	}
}

// lostForNow reports whether none of the pods is replaced before its node is back.
func lostForNow(removed []evidence.Deletion) bool {
	return !slices.ContainsFunc(removed, func(d evidence.Deletion) bool { return d.Act.Act.Do != recording.CutNode || !d.Victim.NotReplaced() })
}

// joinsCluster judges the newcomers of a mesh that need not be full: each must be in a component with survivors at the end, by
// its own view or theirs. Took is the time until it saw the first of them, or was seen by one.
func joinsCluster(v *view.View, d evidence.Deletion) []check.Finding {
	of := evidence.GroupsAtEnd(v)
	withSurvivors := map[int]bool{}
	for _, s := range d.Survivors {
		if g, known := of[s]; known {
			withSurvivors[g] = true
		}
	}
	var all []check.Finding
	for _, n := range d.Newcomers {
		f := check.Finding{Subject: check.OnPod(n), Of: []check.Subject{check.OnService(v)}, Outcome: check.Pass}
		nodes, t, why := check.ViewAt(n, v.End())
		g, ready := of[n]
		switch {
		case nodes == nil:
			f.Outcome, f.Message, f.Of = check.Unseen, why, append(f.Of, check.PairsTo(v, n)...)
		case ready && withSurvivors[g]:
			f.At = firstSight(d, n)
			f.Took = f.At - d.Act.T
		default:
			f.Outcome, f.Code, f.At = check.Fail, "replacement-alone", t
			f.Message = fmt.Sprintf("%.0f s after %s, its replacement %s is not in a cluster with any of the remaining nodes: nodes() is [%s]", (t - d.Act.T).Seconds(), d.What(), evidence.NodeOrPod(n), strings.Join(nodes.Visible, ", "))
			f.Remedy = "make discovery go on after it has found its peers, and make sure that one dead address does not stop its round"
			f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, n.Name)
		}
		all = append(all, f)
	}
	return all
}

// firstSight is when the newcomer and a survivor first saw one another, by the view of either.
func firstSight(d evidence.Deletion, n *view.Pod) time.Duration {
	first := time.Duration(-1)
	sees := func(p, q *view.Pod) {
		for _, e := range p.Nodes {
			if e.T >= nameValidFrom(d, q) && e.Nodes.Outcome == recording.OK && slices.ContainsFunc(e.Nodes.Visible, q.Is) {
				if first < 0 || e.T < first {
					first = e.T
				}
				return
			}
		}
	}
	for _, s := range d.Survivors {
		sees(n, s)
		sees(s, n)
	}
	return max(first, d.Act.T)
}

// joins finds since when q has been in p's view without a break up to the end. A node that was seen and lost again has not joined.
func joins(v *view.View, d evidence.Deletion, p, q *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnService(v)}, Outcome: check.Pass}
	var last *recording.Event
	var since time.Duration
	has, had := false, false
	samples := view.Between(p.Nodes, nameValidFrom(d, q), v.End())
	for i, e := range samples {
		if e.Nodes.Outcome != recording.OK {
			continue
		}
		last = &samples[i]
		was := has
		if has = slices.ContainsFunc(e.Nodes.Visible, q.Is); has && !was {
			since, had = e.T, true
		}
	}
	switch {
	case last == nil:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the view of %s was not recorded after the deletion", p.Name)
		return f
	case v.End()-last.T > check.Fresh(p):
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the view of %s was not recorded in the last %.1f s", p.Name, (v.End()-last.T).Seconds())
		return f
	case has:
		f.At, f.Took = since, since-d.Act.T
		return f
	}
	f.Outcome, f.Code, f.At = check.Fail, "replacement-alone", last.T
	f.Message = fmt.Sprintf("%.0f s after %s, %s does not see %s: nodes() is [%s]", (last.T - d.Act.T).Seconds(), d.What(), evidence.NodeOrPod(p), evidence.NodeOrPod(q), strings.Join(last.Nodes.Visible, ", "))
	f.Remedy = "make discovery go on after it has found its peers, and make sure that one dead address does not stop its round"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	if had {
		f.Code = "replacement-lost"
		f.Message += fmt.Sprintf("; it saw it first %.1f s after the deletion and lost it again", (since - d.Act.T).Seconds())
	}
	return f
}

// nameValidFrom is from when on q's name in a view means q: if a replacement reuses the name of its predecessor (as the pods of a
// StatefulSet do), not before its own node has answered.
func nameValidFrom(d evidence.Deletion, q *view.Pod) time.Duration {
	if q.Node() != d.Victim.Node() {
		return d.Act.T
	}
	return max(d.Act.T, evidence.FirstAnswered(q))
}
