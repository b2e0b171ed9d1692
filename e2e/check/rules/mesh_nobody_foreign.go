package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshNobodyForeign() check.Check {
	return check.Check{
		ID: "mesh/nobody-foreign", Title: "has no foreign node in the mesh", Rung: check.Mesh, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A node that has the cookie and is discovered once is a full member of the cluster: another application behind the same Service becomes part of this one.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: check.Alike(check.NeedsMesh(), "foreign-node", "not-alone"),
		Judge: evidence.UnlessProbeVisible(func(v *view.View) []check.Finding {
			m := check.MeshSnapshot(v)
			var all []check.Finding
			for i, p := range m.Pods {
				all = append(all, foreigners(v, p, m, m.Views[i]))
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "there was no node to check")
			}
			return all
		}),
	}
}

func foreigners(v *view.View, p *view.Pod, m *check.Snapshot, l check.NodeView) check.Finding {
	// If the mesh is no longer full at the end, the snapshot is from an earlier moment; a foreign node may have joined since.
	if n, t, _ := check.ViewAt(p, v.End()); n != nil && len(l.Foreign) == 0 {
		if _, foreign := v.Others(n.Visible, t); len(foreign) > 0 {
			l = check.NodeView{Nodes: n, T: t, Foreign: foreign}
		}
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: l.T}
	switch {
	case l.Nodes == nil:
		f.Outcome, f.Message, f.Of = check.Unseen, l.Why, check.PairsTo(v, p)
	case len(l.Foreign) > 0:
		f.Outcome, f.Code = check.Fail, "foreign-node"
		f.Message = fmt.Sprintf("nodes() of %s contains %s, which is not a node of this workload", p.Node(), check.List(l.Foreign))
		f.Remedy = "use a separate cookie and a separate Service for each cluster"
		f.Try = fmt.Sprintf("kubectl get pods -A -o wide, and look for the addresses of %s", check.List(l.Foreign))
	case v.MeansNoMesh():
		notAlone(&f, p, m, l)
	}
	return f
}

// notAlone finds members that a node sees although the profile expects no connections.
func notAlone(f *check.Finding, p *view.Pod, m *check.Snapshot, l check.NodeView) {
	var met []string
	for j, q := range m.Pods {
		if q != p && l.Seen[j] {
			met = append(met, q.Node())
		}
	}
	if len(met) == 0 {
		return
	}
	f.Outcome, f.Code = check.Fail, "not-alone"
	f.Message = fmt.Sprintf("nodes() of %s contains %s, but the profile expects no connections between nodes (expect.topology: none)", p.Node(), check.List(met))
	f.Remedy = "remove expect.topology from the profile if the nodes are to form a cluster; otherwise turn off the discovery that connects them"
}
