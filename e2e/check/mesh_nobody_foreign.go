package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func meshNobodyForeign() Check {
	return Check{
		ID: "mesh/nobody-foreign", Title: "has nobody in the mesh who does not belong there", Rung: Mesh, Level: Required, Scenario: "formation",
		Why:    "Whoever shares the cookie and is found once is in the cluster with all rights: another application behind the same Service becomes part of this one.",
		Source: "https://www.erlang.org/doc/system/distributed.html#security",
		Causes: Alike(NeedsMesh(), "foreign-node", "not-alone"),
		Judge: undisturbed(func(v *view.View) []Finding {
			m := meshRoll(v)
			var all []Finding
			for i, p := range m.pods {
				all = append(all, foreigners(v, p, m, m.looks[i]))
			}
			if len(all) == 0 {
				return none(v, "there was no node to ask")
			}
			return all
		}),
	}
}

func foreigners(v *view.View, p *view.Pod, m *roll, l look) Finding {
	// Where the mesh is no longer full at the end, the roll is about an earlier moment; a stranger may have come since.
	if n, t, _ := belief(p, v.End()); n != nil && len(l.foreign) == 0 {
		if _, foreign := v.Others(n.Visible, t); len(foreign) > 0 {
			l = look{nodes: n, t: t, foreign: foreign}
		}
	}
	f := Finding{Subject: onPod(p), Outcome: Pass, At: l.t}
	switch {
	case l.nodes == nil:
		f.Outcome, f.Message, f.Of = Unseen, l.why, toward(v, p)
	case len(l.foreign) > 0:
		f.Outcome, f.Code = Fail, "foreign-node"
		f.Message = fmt.Sprintf("%s sees %s, which is no node of this workload", p.Node(), list(l.foreign))
		f.Remedy = "give each cluster a cookie and a Service of its own"
		f.Try = fmt.Sprintf("kubectl get pods -A -o wide, and look for the addresses of %s", list(l.foreign))
	case v.MeansNoMesh():
		notAlone(&f, p, m, l)
	}
	return f
}

// notAlone looks for members that a node sees although the profile means each to be alone.
func notAlone(f *Finding, p *view.Pod, m *roll, l look) {
	var met []string
	for j, q := range m.pods {
		if q != p && l.seen[j] {
			met = append(met, q.Node())
		}
	}
	if len(met) == 0 {
		return
	}
	f.Outcome, f.Code = Fail, "not-alone"
	f.Message = fmt.Sprintf("%s sees %s, and the profile means each node to be alone (expect.topology: none)", p.Node(), list(met))
	f.Remedy = "leave expect.topology out of the profile if they are meant to be a cluster; else look for the discovery that connects them"
}
