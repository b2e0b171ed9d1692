package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func epmdReachable() Check {
	return Check{
		ID: "epmd/reachable", Title: "answers as epmd to every peer", Rung: EPMD, Level: Required, Episode: "formation",
		Why:    "A peer asks epmd on port 4369 for the distribution port before it can connect. Without an answer nobody joins that node.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol",
		Causes: reach(above("epmd/port-as-declared", "dist/port-reachable", "dist/cookie-accepted")),
		Judge: func(v *view.View) []Finding {
			return eachPair(v, func(p, q *view.Pod, from, to time.Duration) Finding {
				f := Finding{Subject: onPair(p, q), Outcome: Unseen, Says: fmt.Sprintf("%s was not asked from %s", q.Name, p.Name)}
				e := conclude(view.Between(q.EPMD, from, to), func(e recording.Event) (recording.Outcome, bool) {
					return e.EPMD.Outcome, e.EPMD.From == p.UID
				})
				if e == nil {
					return f
				}
				f.At, f.Outcome, f.Says = e.T, Pass, ""
				if a := e.EPMD; a.Outcome != recording.OK {
					unreached(&f, "epmd on "+a.Addr, p, a.Outcome, a.Detail)
				}
				return f
			})
		},
	}
}
