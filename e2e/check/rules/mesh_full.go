package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshFull() check.Check {
	return check.Check{
		ID: "mesh/full", Title: "forms a full mesh: every node sees every other node", Rung: check.Mesh, Level: check.Required, Scenario: "formation", Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "nodes() on one node says nothing about the others: either side can make a link, and either side can lose it. Only the views of all nodes together show the mesh.",
		Source: "https://www.erlang.org/doc/system/distributed.html#node-connections",
		Causes: check.Alike(check.NeedsMesh(), "not-in-view", "stale-node", "too-few"),
		Judge:  evidence.ForFullMesh(evidence.UnlessProbeVisible(judgeFull)),
	}
}

func judgeFull(v *view.View) []check.Finding {
	m := check.MeshSnapshot(v)
	var all []check.Finding
	if len(m.Pods) == 0 && !v.KubeSeen() {
		return check.NothingSeen(v, "the API server was not watched, so it is not known whether there are nodes")
	}
	if evidence.NotDeployed(v, m.Pods) {
		return check.NothingSeen(v, "the workload was not deployed")
	}
	if want := v.Replicas(v.End()); len(m.Pods) < want {
		all = append(all, check.Finding{Subject: check.OnWorkload(v), Of: check.Images(v), Outcome: check.Fail, Code: "too-few", At: v.End(), Reads: []recording.Kind{recording.KindPod}, Message: fmt.Sprintf("%d of %d nodes exist", len(m.Pods), want)})
	}
	groups := m.GroupOfEach()
	for i := range m.Pods {
		all = append(all, nodeViews(m, v, i, groups)...)
	}
	if len(all) == 0 {
		return check.NothingSeen(v, "there was no node to check")
	}
	return all
}

// nodeViews judges the view of the node with that index: one finding for all peers that it sees, and one for each that it does not.
func nodeViews(m *check.Snapshot, v *view.View, i int, groups []check.Subject) []check.Finding {
	p, look := m.Pods[i], m.Views[i]
	good := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: look.T}
	if m.Formed && m.Timed {
		good.Took = m.First - m.Began
	}
	var all []check.Finding
	if len(look.Stale) > 0 {
		all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Fail, Code: "stale-node", At: look.T,
			Message: fmt.Sprintf("nodes() of %s still contains %s, whose pod is gone", p.Node(), check.List(look.Stale)),
			Remedy:  "make sure that SIGTERM reaches the VM, so that it closes its connections; otherwise peers notice its end only after net_ticktime"})
	}
	seen := 0
	var pairs []check.Subject
	if look.Nodes == nil {
		pairs = check.PairsTo(v, p)
	}
	for j, q := range m.Pods {
		if i == j {
			continue
		}
		if look.Nodes != nil && look.Seen[j] {
			seen++
			continue
		}
		// Either side can make the link: what keeps q from dialling p may be the reason why p does not see q.
		f := check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p), check.OnService(v)}, At: look.T}
		if groups[i] != groups[j] {
			f.Of = append(f.Of, groups[i], groups[j])
		}
		if look.Nodes == nil {
			f.Outcome, f.Message, f.Of = check.Unseen, look.Why, append(f.Of, pairs...)
		} else {
			missesPeer(m, v, &f, p, q, look.Nodes)
		}
		all = append(all, f)
	}
	if seen > 0 {
		all = append(all, good)
	}
	return all
}

func missesPeer(m *check.Snapshot, v *view.View, f *check.Finding, p, q *view.Pod, n *recording.Nodes) {
	name := q.Node()
	if name == "" {
		name = q.Name + " (node name not known)"
	}
	f.Outcome, f.Code = check.Fail, "not-in-view"
	f.Message = fmt.Sprintf("%s (%s) does not see %s%s: nodes() is [%s]", p.Node(), p.Name, name, sinceCreated(v, m), strings.Join(check.FirstOf(n.Visible, 8), ", "))
	f.Remedy = "the checks below this one passed: read in the log of " + p.Name + " why its discovery does not find this peer or does not connect to it"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	f.Seen = evidence.DialsBetween(v, p, q)
}

// sinceCreated says for how long there are nodes, of a run.
func sinceCreated(v *view.View, m *check.Snapshot) string {
	if v.Inspected() {
		return ""
	}
	return fmt.Sprintf(" %.0f s after the objects were created", (m.At - m.Began).Seconds())
}
