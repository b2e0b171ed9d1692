package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshNoneHidden() check.Check {
	return check.Check{
		ID: "mesh/none-hidden", Title: "has no member that is connected only as a hidden node", Rung: check.Mesh, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A member with a hidden link is connected but not in nodes(): process groups, global, and libraries that use nodes() ignore it.",
		Source: "https://www.erlang.org/doc/system/distributed.html#hidden-nodes",
		Causes: map[string][]string{"hidden-member": check.NeedsMesh()},
		Judge: evidence.UnlessProbeVisible(func(v *view.View) []check.Finding {
			m := check.MeshSnapshot(v)
			membership := v.Membership(m.Pods, m.At)
			var all []check.Finding
			for i, p := range m.Pods {
				all = append(all, hiddenPeers(v, m, membership, i, p)...)
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "there was no node to check")
			}
			return all
		}),
	}
}

// hiddenPeers judges members only: a monitor or a console from outside is hidden on purpose.
func hiddenPeers(v *view.View, m *check.Snapshot, membership *view.Membership, i int, p *view.Pod) []check.Finding {
	l := m.Views[i]
	if l.Nodes == nil {
		return []check.Finding{{Subject: check.OnPod(p), Outcome: check.Unseen, Message: l.Why, Of: check.PairsTo(v, p)}}
	}
	var all []check.Finding
	if len(l.Nodes.Hidden) > 0 {
		hidden, _, _ := membership.Look(l.Nodes.Hidden)
		for j, q := range m.Pods {
			if i == j || !hidden[j] || l.Seen[j] {
				continue
			}
			all = append(all, check.Finding{Subject: check.OnPair(p, q), Outcome: check.Fail, Code: "hidden-member", At: l.T,
				Message: fmt.Sprintf("%s is in nodes(hidden) of %s, but not in its nodes(): one of the two was started with -hidden", q.Node(), p.Node()),
				Remedy:  "remove -hidden from vm.args, ERL_FLAGS and the start command",
				Try:     evidence.ShowNames(v, q)})
		}
	}
	if len(all) == 0 {
		all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: l.T})
	}
	return all
}
