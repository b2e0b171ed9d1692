package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func distReachable() Check {
	return Check{
		ID: "dist/port-reachable", Title: "speaks the distribution protocol to every peer", Rung: Dist, Level: Required, Episode: "formation",
		Why:    "Every pair of nodes holds a connection of its own, and either may have to make it: each must be reachable from each. An accepted connection is not enough, a sidecar accepts for dead peers too.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake",
		Causes: reach(above("dist/cookie-accepted")),
		Judge: func(v *view.View) []Finding {
			return eachPair(v, func(p, q *view.Pod, from, to time.Duration) Finding {
				f := Finding{Subject: onPair(p, q), Outcome: Unseen, Says: fmt.Sprintf("%s did not dial the distribution port of %s", p.Name, q.Name)}
				e := conclude(view.Between(q.Dist, from, to), func(e recording.Event) (recording.Outcome, bool) {
					return e.Dist.Outcome, e.Dist.From == p.UID
				})
				if e == nil {
					return f
				}
				f.At, f.Outcome, f.Says = e.T, Pass, ""
				if a := e.Dist; a.Outcome != recording.OK {
					unreached(&f, "the distribution port "+a.Addr+" of "+q.Name, p, a.Outcome, a.Detail)
				}
				return f
			})
		},
	}
}
