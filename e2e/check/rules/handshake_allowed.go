package rules

import (
	"fmt"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func handshakeAllowed() check.Check {
	return check.Check{
		ID: "handshake/allowed", Title: "turns nobody away before the cookie is asked for", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindDist},
		Why:    "A node that was given a list by net_kernel:allow/1, or that demands a flag which its peer lacks, answers not_allowed: the peer sees no more than a failed connection.",
		Source: "https://www.erlang.org/doc/apps/kernel/net_kernel.html#allow/1",
		Causes: map[string][]string{"not-allowed": check.NeedsMesh("handshake/*")},
		Judge:  evidence.EachNode(allowed),
	}
}

func allowed(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	e := check.Decisive(view.Between(p.Dist, from, to), func(e recording.Event) (recording.Outcome, bool) {
		return e.Dist.Outcome, e.Dist.Outcome == recording.OK || e.Dist.Outcome == evidence.NotAllowed
	})
	if e == nil {
		return evidence.Unheard(v, p)
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: e.T}
	if e.Dist.Outcome == recording.OK {
		return f
	}
	f.Seen = []string{e.Dist.Detail}
	if by := seenBy(v, p); by != nil {
		f.Outcome, f.Of = check.Unseen, nil
		f.Message = fmt.Sprintf("the node of %s turns our probe away (not_allowed), but %s is connected to it: it admits its peers only, so that it cannot be looked at", p.Name, by.Node())
		return f
	}
	f.Outcome, f.Code = check.Fail, "not-allowed"
	f.Message = fmt.Sprintf("the node of %s at %s turns others away with status not_allowed before any cookie is asked for", p.Name, e.Dist.Addr)
	f.Remedy = "take the call of net_kernel:allow/1 out or give it all peers, and run releases of Erlang/OTP that are at most two apart"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s | grep -iE 'not allowed|cannot handle'", v.Header.Namespace, p.Name)
	return f
}

// seenBy is a member whose youngest view holds the pod's node, or nil.
func seenBy(v *view.View, p *view.Pod) *view.Pod {
	for _, q := range check.Members(v) {
		if q == p {
			continue
		}
		if n, _, _ := check.ViewAt(q, v.End()); n != nil && slices.ContainsFunc(n.Visible, p.Is) {
			return q
		}
	}
	return nil
}
