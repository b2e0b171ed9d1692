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
		ID: "mesh/full", Title: "forms a full mesh: every node sees every other node", Rung: check.Mesh, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "nodes() on one node says nothing about the others: links are made by either side and lost by either side. Only all views together are the mesh.",
		Source: "https://www.erlang.org/doc/system/distributed.html#node-connections",
		Causes: check.Alike(check.NeedsMesh(), "not-in-view", "stale-node", "too-few"),
		Judge:  evidence.ForFullMesh(evidence.UnlessProbeVisible(judgeFull)),
	}
}

func judgeFull(v *view.View) []check.Finding {
	m := check.MeshSnapshot(v)
	var all []check.Finding
	if len(m.Pods) == 0 && !v.KubeSeen() {
		return check.NothingSeen(v, "the API server was not watched: whether there are nodes is not known")
	}
	if evidence.NotDeployed(v, m.Pods) {
		return check.NothingSeen(v, "the workload was not deployed")
	}
	if want := v.Profile.Replicas(); len(m.Pods) < want {
		all = append(all, check.Finding{Subject: check.OnWorkload(v), Of: check.Images(v), Outcome: check.Fail, Code: "too-few", At: v.End(), Reads: []recording.Kind{recording.KindPod}, Message: fmt.Sprintf("%d of %d nodes are there", len(m.Pods), want)})
	}
	groups := m.GroupOfEach()
	for i := range m.Pods {
		all = append(all, nodeViews(m, v, i, groups)...)
	}
	if len(all) == 0 {
		return check.NothingSeen(v, "there was no node to ask")
	}
	return all
}

// nodeViews judges whom the node in that place sees: one finding for all that it does see, and one for each that it does not.
func nodeViews(m *check.Snapshot, v *view.View, i int, groups []check.Subject) []check.Finding {
	p, look := m.Pods[i], m.Views[i]
	good := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: look.T}
	if m.Formed {
		good.Took = m.First - m.Began
	}
	var all []check.Finding
	if len(look.Stale) > 0 {
		all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Fail, Code: "stale-node", At: look.T,
			Message: fmt.Sprintf("%s still sees %s, whose pod has left", p.Node(), check.List(look.Stale)),
			Remedy:  "let SIGTERM reach the VM, so that it ends its connections; else they are noticed after net_ticktime only"})
	}
	seen := 0
	var around []check.Subject
	if look.Nodes == nil {
		around = check.PairsTo(v, p)
	}
	for j, q := range m.Pods {
		if i == j {
			continue
		}
		if look.Nodes != nil && look.Seen[j] {
			seen++
			continue
		}
		// A link is made by either side: what keeps q from dialling p may be why p does not see it.
		f := check.Finding{Subject: check.OnPair(p, q), Of: []check.Subject{check.OnPair(q, p), check.OnService(v)}, At: look.T}
		if groups[i] != groups[j] {
			f.Of = append(f.Of, groups[i], groups[j])
		}
		if look.Nodes == nil {
			f.Outcome, f.Message, f.Of = check.Unseen, look.Why, append(f.Of, around...)
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
		name = q.Name + " (which did not say its name)"
	}
	f.Outcome, f.Code = check.Fail, "not-in-view"
	f.Message = fmt.Sprintf("%s (%s) does not see %s %.0f s after the objects were made: nodes() is [%s]", p.Node(), p.Name, name, (m.At - m.Began).Seconds(), strings.Join(check.FirstOf(n.Visible, 8), ", "))
	f.Remedy = "everything below was seen to work: look at the discovery of " + p.Name + " in its log"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
}
