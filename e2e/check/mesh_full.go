package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshFull() Check {
	return Check{
		ID: "mesh/full", Title: "sees every node from every node, and nobody else", Rung: Mesh, Level: Required, Episode: "formation",
		Why:    "nodes() on one node says nothing about the others: links are made by either side and lost by either side. Only all views together are the mesh.",
		Source: "https://www.erlang.org/doc/system/distributed.html#node-connections",
		Causes: map[string][]string{"not-in-view": mesh[1:], "foreign-node": mesh[1:], "stale-node": mesh[1:], "too-few": mesh[1:]},
		Judge:  judgeFull,
	}
}

func judgeFull(v *view.View) []Finding {
	began := time.Duration(0)
	if a, ok := v.Act("apply"); ok {
		began = a.T
	}
	// Judged at the end, or at the moment when the mesh was full if it is not so any more: that it did not stay full is
	// mesh/stable's matter.
	at, pods := v.End(), members(v)
	first, formed := v.FirstFull(began)
	if formed && !v.Mesh(at).Full {
		at, pods = first, v.Must(first)
	}
	var all []Finding
	if len(pods) == 0 && !v.KubeSeen() {
		return none(v, "the API server was not watched: whether there are nodes is not known")
	}
	if want := v.Profile.Replicas(); len(pods) < want {
		all = append(all, Finding{Subject: onWorkload(v), Of: images(v), Outcome: Fail, Code: "too-few", Says: fmt.Sprintf("%d of %d nodes are there", len(pods), want)})
	}
	for _, p := range pods {
		if f, bad := foreigners(v, p, at); bad {
			all = append(all, f)
		}
		for _, q := range pods {
			if p != q {
				f := sees(v, p, q, at, began)
				if formed && f.Outcome == Pass {
					f.Took = first - began
				}
				all = append(all, f)
			}
		}
	}
	if len(all) == 0 {
		return none(v, "there was no node to ask")
	}
	return all
}

// belief is p's own view at t, or what kept it from being seen.
func belief(p *view.Pod, t time.Duration) (*recording.Nodes, time.Duration, string) {
	seen := view.Between(p.Nodes, max(0, t-lately), t)
	if len(seen) == 0 {
		return nil, 0, fmt.Sprintf("the view of %s was not seen", p.Name)
	}
	e := seen[len(seen)-1]
	if e.Nodes.Outcome != recording.OK {
		return nil, 0, fmt.Sprintf("the view of %s was not seen: %s (%s)", p.Name, e.Nodes.Outcome, e.Nodes.Detail)
	}
	return e.Nodes, e.T, ""
}

func sees(v *view.View, p, q *view.Pod, at, began time.Duration) Finding {
	f := Finding{Subject: onPair(p, q), Of: []Subject{onService(v)}, Outcome: Pass}
	n, t, why := belief(p, at)
	if n == nil {
		f.Outcome, f.Says = Unseen, why
		f.Of = append(f.Of, toward(v, p)...)
		return f
	}
	f.At = t
	name := q.Node()
	if slices.ContainsFunc(n.Visible, q.Is) {
		return f
	}
	if name == "" {
		name = q.Name + " (which did not say its name)"
	}
	f.Outcome, f.Code = Fail, "not-in-view"
	f.Says = fmt.Sprintf("%s (%s) does not see %s %.0f s after the objects were made: nodes() is [%s]", p.Node(), p.Name, name, (at - began).Seconds(), strings.Join(n.Visible, ", "))
	f.Remedy = "everything below was seen to work: look at the discovery of " + p.Name + " in its log"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, p.Name)
	return f
}

func foreigners(v *view.View, p *view.Pod, at time.Duration) (Finding, bool) {
	n, t, _ := belief(p, at)
	if n == nil {
		return Finding{}, false
	}
	stale, foreign := v.Others(n.Visible, at)
	if len(stale) > 0 {
		return Finding{Subject: onPod(p), Outcome: Fail, Code: "stale-node", At: t,
			Says: fmt.Sprintf("%s still sees %s, whose pod has left", p.Node(), list(stale))}, true
	}
	if len(foreign) == 0 {
		return Finding{}, false
	}
	return Finding{Subject: onPod(p), Outcome: Fail, Code: "foreign-node", At: t,
		Says:   fmt.Sprintf("%s sees %s, which is no node of this workload", p.Node(), list(foreign)),
		Remedy: "give each cluster a cookie and a Service of its own"}, true
}
