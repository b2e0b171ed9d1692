package evidence

import (
	"fmt"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// VisibleProbes are the pods whose node ever counted a probe of ours as a visible peer, each with the probe's name. A node
// of the workload that gave itself such a name is none.
func VisibleProbes(v *view.View) map[*view.Pod]string {
	own := map[string]bool{}
	for _, p := range v.Pods() {
		own[p.Node()] = true
	}
	all := map[*view.Pod]string{}
	for _, p := range v.Pods() {
		for _, n := range p.LocalPeers() {
			if !own[n] && all[p] == "" {
				all[p] = n
			}
		}
	}
	return all
}

// UnlessProbeVisible makes what a check finds about the mesh unseen where our own probe was part of it.
func UnlessProbeVisible(judge func(v *view.View) []check.Finding) func(v *view.View) []check.Finding {
	return func(v *view.View) []check.Finding {
		if visible := VisibleProbes(v); len(visible) > 0 {
			return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: fmt.Sprintf("%d nodes counted our own probe as a peer: what the mesh would be without it was not seen", len(visible))}}
		}
		return judge(v)
	}
}

// FullAgain judges the view of the i-th of those who have to be there at the end; since says how long after the disturbance that is.
func FullAgain(v *view.View, since func(time.Duration) string, call *view.Membership, of map[*view.Pod]int, i int, p *view.Pod) []check.Finding {
	n, t, why := check.ViewAt(p, v.End())
	if n == nil {
		// Where it is seen not to have joined, its view may be closed to us for the same reason.
		return []check.Finding{{Subject: check.OnPod(p), Of: check.PairsTo(v, p), Outcome: check.Unseen, Message: why}}
	}
	seen, _, _ := call.Look(n.Visible)
	var all []check.Finding
	for j, q := range call.Expected {
		if i != j && !seen[j] && (MeansFullMesh(v) || of[p] != of[q]) {
			all = append(all, check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p), check.OnService(v)}, Outcome: check.Fail, Code: "not-in-view", At: t,
				Message: fmt.Sprintf("%s, %s does not see %s: nodes() is [%s]", since(t), NodeOrPod(p), NodeOrPod(q), strings.Join(check.FirstOf(n.Visible, 8), ", ")),
				Remedy:  "see that discovery connects again to nodes it has lost, not only to those it has never seen",
				Try:     fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)})
		}
	}
	if len(all) == 0 {
		all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: t})
	}
	return all
}

// FirstHeard is when the pod's node first answered for itself.
func FirstHeard(p *view.Pod) time.Duration {
	for _, e := range p.Nodes {
		if e.Nodes.Node != "" {
			return e.T
		}
	}
	return p.First
}

// NodeOrPod is the name of the pod's node, or the pod's own where its node did not say one.
func NodeOrPod(p *view.Pod) string {
	if n := p.Node(); n != "" {
		return n
	}
	return p.Name
}
