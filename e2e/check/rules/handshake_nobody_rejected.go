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

func handshakeNobodyRejected() check.Check {
	return check.Check{
		ID: "handshake/nobody-rejected", Title: "has no peer in its log that it turned away and is not linked to", Rung: check.Handshake, Level: check.Required, Scenario: recording.Inspect,
		Reads: []recording.Kind{recording.KindPod, recording.KindSockets}, Needs: []string{recording.Log},
		Why:    "Only the node that refuses a peer logs why: the peer itself sees a connection that was closed.",
		Source: "https://github.com/erlang/otp/blob/master/lib/kernel/src/dist_util.erl",
		Causes: check.Alike(check.NeedsMesh(), "cookie-refused", "not-allowed", "rejected"),
		Judge: func(v *view.View) []check.Finding {
			l := evidence.LinkedOf(v)
			var all []check.Finding
			for i, p := range l.Pods {
				f := rejectedBy(v, l, i)
				if len(f) == 0 {
					f = []check.Finding{{Subject: check.OnPod(p), Outcome: check.Pass, At: v.End()}}
				}
				all = append(all, f...)
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "no pod is Ready, so no log was read")
			}
			return all
		},
	}
}

// rejectedBy are the peers that the pod's log turned away after both had started, and to which its node has no link now.
func rejectedBy(v *view.View, l *evidence.Linked, i int) (all []check.Finding) {
	p := l.Pods[i]
	for j, q := range l.Pods {
		if i == j || l.Tie(i, j) != evidence.TieNone {
			continue
		}
		of := l.RejectedBy(i, j)
		if len(of) == 0 {
			continue
		}
		last := of[len(of)-1]
		f := check.Finding{Subject: check.OnPair(q, p), Of: []check.Subject{check.OnPair(p, q)}, At: v.End()}
		code, remedy := "rejected", "read what it says: a release that is too old, a flag that one of them lacks"
		switch {
		case strings.Contains(last.Why, "challenge"):
			code, remedy = "cookie-refused", "the two have different cookies: give all nodes the cookie from the same key of the same Secret, and restart those that started before it was changed"
		case strings.Contains(last.Why, "disallowed"):
			code, remedy = "not-allowed", "remove the call of net_kernel:allow/1, or pass it all peers"
		}
		f.Fail(code, fmt.Sprintf("%s's log rejects %s: %s", p.Name, q.Name, last.Why), remedy, fmt.Sprintf("%d such lines, the first at %s", len(of), of[0].At.Format(time.RFC3339)), "log: "+last.Line)
		f.Try = fmt.Sprintf("kubectl -n %s logs %s | grep -i 'connection attempt from'", v.Header.Namespace, p.Name)
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b check.Finding) int { return strings.Compare(a.Subject.Name, b.Subject.Name) })
	return all
}
