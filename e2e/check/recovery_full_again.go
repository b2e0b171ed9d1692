package check

import (
	"fmt"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

func recoveryFullAgain() Check {
	return Check{
		ID: "recovery/full-again", Title: "is a full mesh again after a pod was replaced", Rung: Recovery, Level: Required, Scenario: "recovery",
		Why:    "A replacement that joins is half of it: nodes that nobody touched can lose each other over it, and not find back.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"not-in-view": nil},
		Judge: forCluster(func(v *view.View) []Finding {
			d, ok := deleted(v)
			if !ok {
				return noDeletion(v)
			}
			pods := v.Expected(v.End())
			if len(pods) < 2 {
				return alone(v, 1)
			}
			first, full := v.FirstFull(d.act.T + 1)
			call, of := v.Membership(pods, v.End()), groupsAtEnd(v)
			var all []Finding
			for i, p := range pods {
				found := wholeAgain(v, d.since, call, of, i, p)
				if f := &found[0]; f.Outcome == Pass && full && v.Mesh(v.End()).Full {
					f.Took = max(first, v.Mesh(v.End()).Since) - d.act.T
				}
				all = append(all, found...)
			}
			return all
		}),
	}
}

// wholeAgain judges the view of the i-th of those who have to be there at the end; since says how long after the disturbance that is.
func wholeAgain(v *view.View, since func(time.Duration) string, call *view.Membership, of map[*view.Pod]int, i int, p *view.Pod) []Finding {
	n, t, why := belief(p, v.End())
	if n == nil {
		// Where it is seen not to have joined, its view may be closed to us for the same reason.
		return []Finding{{Subject: onPod(p), Of: toward(v, p), Outcome: Unseen, Message: why}}
	}
	seen, _, _ := call.Look(n.Visible)
	var all []Finding
	for j, q := range call.Expected {
		if i != j && !seen[j] && (meansAll(v) || of[p] != of[q]) {
			all = append(all, Finding{Subject: onPair(p, q), Of: []Subject{onPair(q, p), onService(v)}, Outcome: Fail, Code: "not-in-view", At: t,
				Message: fmt.Sprintf("%s, %s does not see %s: nodes() is [%s]", since(t), orName(p), orName(q), strings.Join(firstOf(n.Visible, 8), ", ")),
				Remedy:  "see that discovery connects again to nodes it has lost, not only to those it has never seen",
				Try:     fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)})
		}
	}
	if len(all) == 0 {
		all = append(all, Finding{Subject: onPod(p), Outcome: Pass, At: t})
	}
	return all
}
