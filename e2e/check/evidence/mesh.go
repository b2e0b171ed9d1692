package evidence

import (
	"fmt"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/view"
)

// VisibleProbes are the pods whose node ever had a probe of ours in nodes(), each with the probe's name. A node of the workload
// that has such a name itself is not a probe.
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

// UnlessProbeVisible makes a check of the mesh unseen if our own probe was part of the mesh.
func UnlessProbeVisible(judge func(v *view.View) []check.Finding) func(v *view.View) []check.Finding {
	return func(v *view.View) []check.Finding {
		if visible := VisibleProbes(v); len(visible) > 0 {
			return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: fmt.Sprintf("%d nodes have our own probe in nodes(), so the mesh could not be observed undisturbed", len(visible))}}
		}
		return judge(v)
	}
}

// FullAgain judges the view of the i-th pod that is expected at the end; since says how long after the disturbance that is.
func FullAgain(v *view.View, since func(time.Duration) string, membership *view.Membership, of map[*view.Pod]int, i int, p *view.Pod) []check.Finding {
	n, t, why := check.ViewAt(p, v.End())
	if n == nil {
		// What kept the node from joining may also keep us from reading its view.
		return []check.Finding{{Subject: check.OnPod(p), Of: check.PairsTo(v, p), Outcome: check.Unseen, Message: why}}
	}
	seen, _, _ := membership.Look(n.Visible)
	var all []check.Finding
	for j, q := range membership.Expected {
		if i != j && !seen[j] && (MeansFullMesh(v) || of[p] != of[q]) {
			all = append(all, check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p), check.OnService(v)}, Outcome: check.Fail, Code: "not-in-view", At: t,
				Message: fmt.Sprintf("%s, %s does not see %s: nodes() is [%s]", since(t), NodeOrPod(p), NodeOrPod(q), strings.Join(check.FirstOf(n.Visible, 8), ", ")),
				Remedy:  "make discovery connect again to nodes that it has lost, not only to nodes that it has never seen",
				Try:     fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)})
		}
	}
	if len(all) == 0 {
		all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: t})
	}
	return all
}

// FirstAnswered is when the pod's node first reported its own name.
func FirstAnswered(p *view.Pod) time.Duration {
	for _, e := range p.Nodes {
		if e.Nodes.Node != "" {
			return e.T
		}
	}
	return p.First
}

// NodeOrPod is the node name, or the name of the pod if the node name is not known.
func NodeOrPod(p *view.Pod) string {
	if n := p.Node(); n != "" {
		return n
	}
	return p.Name
}
