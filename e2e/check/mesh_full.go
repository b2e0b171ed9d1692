package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshFull() Check {
	return Check{
		ID: "mesh/full", Title: "sees every node from every node", Rung: Mesh, Level: Required, Scenario: "formation",
		Why:    "nodes() on one node says nothing about the others: links are made by either side and lost by either side. Only all views together are the mesh.",
		Source: "https://www.erlang.org/doc/system/distributed.html#node-connections",
		Causes: Alike(NeedsMesh(), "not-in-view", "stale-node", "too-few"),
		Judge:  forFullMesh(undisturbed(judgeFull)),
	}
}

func judgeFull(v *view.View) []Finding {
	m := meshRoll(v)
	var all []Finding
	if len(m.pods) == 0 && !v.KubeSeen() {
		return none(v, "the API server was not watched: whether there are nodes is not known")
	}
	if notDeployed(v, m.pods) {
		return none(v, "the workload was not deployed")
	}
	if want := v.Profile.Replicas(); len(m.pods) < want {
		all = append(all, Finding{Subject: onWorkload(v), Of: images(v), Outcome: Fail, Code: "too-few", Message: fmt.Sprintf("%d of %d nodes are there", len(m.pods), want)})
	}
	groups := m.placeInGroups()
	for i := range m.pods {
		all = append(all, m.views(v, i, groups)...)
	}
	if len(all) == 0 {
		return none(v, "there was no node to ask")
	}
	return all
}

// views judges whom the node in that place sees: one finding for all that it does see, and one for each that it does not.
func (m *roll) views(v *view.View, i int, groups []Subject) []Finding {
	p, look := m.pods[i], m.looks[i]
	good := Finding{Subject: onPod(p), Outcome: Pass, At: look.t}
	if m.formed {
		good.Took = m.first - m.began
	}
	var all []Finding
	if len(look.stale) > 0 {
		all = append(all, Finding{Subject: onPod(p), Outcome: Fail, Code: "stale-node", At: look.t,
			Message: fmt.Sprintf("%s still sees %s, whose pod has left", p.Node(), list(look.stale)),
			Remedy:  "let SIGTERM reach the VM, so that it ends its connections; else they are noticed after net_ticktime only"})
	}
	seen := 0
	var around []Subject
	if look.nodes == nil {
		around = toward(v, p)
	}
	for j, q := range m.pods {
		if i == j {
			continue
		}
		if look.nodes != nil && look.seen[j] {
			seen++
			continue
		}
		// A link is made by either side: what keeps q from dialling p may be why p does not see it.
		f := Finding{Subject: onPair(p, q), Of: []Subject{onPair(q, p), onService(v)}, At: look.t}
		if groups[i] != groups[j] {
			f.Of = append(f.Of, groups[i], groups[j])
		}
		if look.nodes == nil {
			f.Outcome, f.Message, f.Of = Unseen, look.why, append(f.Of, around...)
		} else {
			m.misses(v, &f, p, q, look.nodes)
		}
		all = append(all, f)
	}
	if seen > 0 {
		all = append(all, good)
	}
	return all
}

func (m *roll) misses(v *view.View, f *Finding, p, q *view.Pod, n *recording.Nodes) {
	name := q.Node()
	if name == "" {
		name = q.Name + " (which did not say its name)"
	}
	f.Outcome, f.Code = Fail, "not-in-view"
	f.Message = fmt.Sprintf("%s (%s) does not see %s %.0f s after the objects were made: nodes() is [%s]", p.Node(), p.Name, name, (m.at - m.began).Seconds(), strings.Join(firstOf(n.Visible, 8), ", "))
	f.Remedy = "everything below was seen to work: look at the discovery of " + p.Name + " in its log"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
}
