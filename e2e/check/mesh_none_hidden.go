package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func meshNoneHidden() Check {
	return Check{
		ID: "mesh/none-hidden", Title: "has no member that only nodes(hidden) shows", Rung: Mesh, Level: Latent, Scenario: "formation",
		Why:    "A member behind a hidden link is connected and yet not in nodes(): process groups, global and libraries that walk nodes() pass it over.",
		Source: "https://www.erlang.org/doc/system/distributed.html#hidden-nodes",
		Causes: map[string][]string{"hidden-member": NeedsMesh()},
		Judge: undisturbed(func(v *view.View) []Finding {
			m := meshRoll(v)
			call := v.Membership(m.pods, m.at)
			var all []Finding
			for i, p := range m.pods {
				all = append(all, hiddenPeers(v, m, call, i, p)...)
			}
			if len(all) == 0 {
				return none(v, "there was no node to ask")
			}
			return all
		}),
	}
}

// hiddenPeers looks for members only: who looks in from outside, a monitor or a console, is hidden on purpose.
func hiddenPeers(v *view.View, m *roll, call *view.Membership, i int, p *view.Pod) []Finding {
	l := m.looks[i]
	if l.nodes == nil {
		return []Finding{{Subject: onPod(p), Outcome: Unseen, Message: l.why, Of: toward(v, p)}}
	}
	var all []Finding
	if len(l.nodes.Hidden) > 0 {
		hidden, _, _ := call.Look(l.nodes.Hidden)
		for j, q := range m.pods {
			if i == j || !hidden[j] || l.seen[j] {
				continue
			}
			all = append(all, Finding{Subject: onPair(p, q), Outcome: Fail, Code: "hidden-member", At: l.t,
				Message: fmt.Sprintf("%s is in nodes(hidden) of %s and not in its nodes(): one of the two was started with -hidden", q.Node(), p.Node()),
				Remedy:  "take -hidden out of vm.args, ERL_FLAGS and the start command",
				Try:     epmdNames(v, q)})
		}
	}
	if len(all) == 0 {
		all = append(all, Finding{Subject: onPod(p), Outcome: Pass, At: l.t})
	}
	return all
}
