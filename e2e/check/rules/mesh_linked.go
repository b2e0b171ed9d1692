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

func meshLinked() check.Check {
	return check.Check{
		ID: "mesh/linked", Title: "has a distribution link between any two of its Ready pods", Rung: check.Mesh, Level: check.Required, Scenario: recording.Inspect,
		Reads:  []recording.Kind{recording.KindPod, recording.KindSockets},
		Why:    "Nodes that have lost each other go on by themselves: each group has its own singletons, leaders and data, and looks healthy from inside. The kernels' socket tables show the links without asking a node.",
		Source: "https://www.erlang.org/doc/system/distributed.html#node-connections",
		Causes: check.Alike(check.NeedsMesh(), "split", "alone"),
		Judge:  evidence.ForCluster(linked),
	}
}

func linked(v *view.View) []check.Finding {
	l := evidence.LinkedOf(v)
	if len(l.Pods) == 0 {
		return check.NothingSeen(v, "no pod is Ready, so there is nothing to link")
	}
	if len(l.Pods) == 1 && v.Profile.Replicas() > 1 {
		return check.NothingSeen(v, "one pod is Ready, so there is no pair of pods to check")
	}
	var all []check.Finding
	for _, g := range l.Groups[1:] {
		all = append(all, apartFrom(v, l, g))
	}
	seen := time.Duration(0)
	for i, p := range l.Pods {
		if l.Tables[i] == nil {
			all = append(all, check.Finding{Subject: check.OnPod(p), Of: check.PairsTo(v, p), Outcome: check.Unseen, Message: "the socket table of " + p.Name + " was not read" + tableTrouble(p)})
			continue
		}
		seen = max(seen, l.Tables[i].T)
		for j := range i {
			if f, odd := untied(l, i, j); odd && (!v.MeansOneComponent() || l.Tie(i, j) != evidence.TieNone) {
				all = append(all, f)
			}
		}
	}
	if !slices.ContainsFunc(all, func(f check.Finding) bool { return f.Outcome != check.Pass }) {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Pass, At: seen}}
	}
	return all
}

// tableTrouble is why the pod's socket table was not read, to be appended.
func tableTrouble(p *view.Pod) string {
	if n := len(p.Sockets); n > 0 {
		return ": " + p.Sockets[n-1].Sockets.Detail
	}
	return ""
}

// apartFrom is the finding on a group that has no link to any other.
func apartFrom(v *view.View, l *evidence.Linked, g []*view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnGroup(g), At: v.End()}
	f.Of = append(append(evidence.OfPods(g, l.Pods), check.OnService(v), check.OnWorkload(v)), check.Images(v)...)
	code, message := "split", fmt.Sprintf("%d groups of nodes without any link between them: [%s] and [%s]", len(l.Groups), check.List(podNames(g)), check.List(podNames(l.Groups[0])))
	if len(g) == 1 {
		code, message = "alone", fmt.Sprintf("the node of %s has no link to any other of the %d Ready pods", g[0].Name, len(l.Pods))
	}
	f.Fail(code, message, "read in the logs of both groups why they do not connect; the lowest check that fails says where it stops")
	for i, h := range l.Groups {
		f.Seen = append(f.Seen, fmt.Sprintf("group %d: %s", i+1, check.List(podNames(h))))
	}
	f.Seen = check.FirstOf(f.Seen, 8)
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- cat /proc/net/tcp /proc/net/tcp6", v.Header.Namespace, g[0].Name)
	return f
}

// untied is the finding on two pods of one group for which there is not a link in both tables.
func untied(l *evidence.Linked, i, j int) (f check.Finding, odd bool) {
	p, q := l.Pods[i], l.Pods[j]
	f = check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p)}, Outcome: check.Unseen}
	switch tie := l.Tie(i, j); {
	case tie == evidence.TieBoth || l.Tables[j] == nil:
		return f, false
	case tie == evidence.TieOneEnd:
		f.Message = fmt.Sprintf("only one of %s and %s has their connection in its socket table: a proxy or an address translation is between them, or one has not noticed that the other is gone", p.Name, q.Name)
	case tie == evidence.TieUnknown:
		f.Message = fmt.Sprintf("it is not known on which ports %s and %s listen for distribution, so their connections cannot be told apart from others", p.Name, q.Name)
	case slices.ContainsFunc(l.Groups, func(g []*view.Pod) bool { return slices.Contains(g, p) != slices.Contains(g, q) }), evidence.MeantPartial(p, q):
		return f, false // that they are of two groups is said once
	default:
		f.Message = fmt.Sprintf("%s and %s have no link, but both are linked to others of their cluster. That may be meant (connect_all false, hidden nodes), and only the nodes themselves can say so", p.Name, q.Name)
	}
	return f, true
}
