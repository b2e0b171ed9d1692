package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func recoveryCookieRotated() check.Check {
	return check.Check{
		ID: "recovery/cookie-rotated", Title: "takes the replacement of a pod into the mesh after the cookie in its Secret was changed", Rung: check.Recovery, Level: check.Latent, Scenario: "secret-rotated",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A container reads its environment once. After a rotation the running nodes keep the old cookie, and each pod that is replaced from then on gets the new one: the mesh falls apart pod by pod, days later, at the next drain.",
		Source: "https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-environment-variables",
		Causes: map[string][]string{"old-and-new": nil},
		Judge: evidence.ForCluster(func(v *view.View) []check.Finding {
			act, rotated := v.Act(recording.RotateSecret)
			removed := evidence.FindDeletions(v)
			if !rotated || len(removed) == 0 {
				return evidence.NotDone(v, "no cookie was changed in this recording")
			}
			d := removed[0]
			switch {
			case len(d.Survivors) == 0:
				return evidence.TooFewOthers(v, 1)
			case len(d.Newcomers) == 0:
				return []check.Finding{{Subject: check.OnPod(d.Victim), Outcome: check.Unseen, Message: "no pod replaced " + d.Victim.Name}}
			}
			var all []check.Finding
			for _, n := range d.Newcomers {
				for _, s := range d.Survivors {
					all = append(all, takesIn(v, d, act, s, n))
				}
			}
			return all
		}),
	}
}

// takesIn judges whether a node with the old cookie sees the replacement at the end. The view of the replacement itself cannot be asked: it
// has a cookie that the agents do not know.
func takesIn(v *view.View, d evidence.Deletion, act recording.Event, s, n *view.Pod) check.Finding {
	f := check.Finding{Subject: check.OnPair(s, n), Of: []check.Subject{check.OnService(v)}, Outcome: check.Pass}
	nodes, t, why := check.ViewAt(s, v.End())
	switch {
	case nodes == nil:
		f.Outcome, f.Message = check.Unseen, why
		return f
	case t < nameValidFrom(d, n) || !n.Ready(v.End()) && len(n.ToDist) == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s, the replacement of %s, was not seen to run", n.Name, d.Victim.Name)
		return f
	case slices.ContainsFunc(nodes.Visible, n.Is):
		f.At, f.Took = t, t-act.T
		return f
	case !evidence.MeansFullMesh(v) && slices.ContainsFunc(d.Survivors, func(q *view.Pod) bool { return sees(q, n, v.End()) }):
		f.Outcome, f.Message = check.NotApplicable, "another node sees it, and the profile expects no full mesh (expect.topology)"
		return f
	}
	secret := strings.TrimPrefix(act.Act.Detail, "Secret ")
	f.Fail("old-and-new", fmt.Sprintf("%.0f s after the cookie in Secret %s was changed, %s, which runs since before, does not see %s, which was created afterwards: nodes() is [%s]",
		(t-act.T).Seconds(), secret, evidence.NodeOrPod(s), evidence.NodeOrPod(n), strings.Join(check.FirstOf(nodes.Visible, 8), ", ")),
		"change the cookie only together with all pods (scale to 0 and back, or strategy Recreate), which is an outage; or give the running nodes the new one first (erlang:set_cookie/1 on each), or leave the cookie as it is",
		cookieTries(v, n, act.T)...)
	f.At, f.Try = t, fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, n.Name)
	return f
}

// sees reports whether p's view holds q at t.
func sees(p, q *view.Pod, t time.Duration) bool {
	nodes, _, _ := check.ViewAt(p, t)
	return nodes != nil && slices.ContainsFunc(nodes.Visible, q.Is)
}

// cookieTries are what our own handshakes with the pod since t say of its cookie, each once.
func cookieTries(v *view.View, p *view.Pod, t time.Duration) (lines []string) {
	for _, e := range view.Between(p.Cookies, t, v.End()) {
		if e.Cookie.Cookie != "A" {
			continue
		}
		outcome := string(e.Cookie.Outcome)
		if e.Cookie.Outcome == recording.Denied {
			outcome = "refused"
		}
		line := fmt.Sprintf("a handshake with %s with the cookie from before: %s", p.Name, outcome)
		if !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}
