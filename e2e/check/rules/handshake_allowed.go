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
		ID: "handshake/allowed", Title: "does not reject peers before cookie authentication", Rung: check.Handshake, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindDist},
		Why:    "A node with a list set by net_kernel:allow/1, or one that requires a flag which its peer lacks, answers not_allowed: the peer sees only a failed connection.",
		Source: "https://www.erlang.org/doc/apps/kernel/net_kernel.html#allow/1",
		Causes: map[string][]string{"not-allowed": check.NeedsMesh("handshake/*")},
		Judge:  evidence.EachNode(allowed),
	}
}

func allowed(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	e := check.DecisiveDial(view.During(p.ToDist, from, to), func(o recording.Outcome) bool { return o == recording.OK || o == evidence.NotAllowed })
	if e == nil {
		return evidence.HandshakeUnseen(v, p)
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: e.T}
	if e.Dist.Outcome == recording.OK {
		return f
	}
	f.Seen = []string{e.Dist.Detail}
	if by := seenBy(v, p); by != nil {
		f.Outcome, f.Of = check.Unseen, nil
		f.Message = fmt.Sprintf("the node of %s rejects our probe (not_allowed), but %s is connected to it: it allows only its peers, so it cannot be checked", p.Name, by.Node())
		return f
	}
	f.Outcome, f.Code = check.Fail, "not-allowed"
	f.Message = fmt.Sprintf("the node of %s at %s rejects connections with status not_allowed, before cookie authentication", p.Name, e.Dist.Addr)
	f.Remedy = "remove the call of net_kernel:allow/1 or pass it all peers, and run Erlang/OTP releases that are at most two apart"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s | grep -iE 'not allowed|cannot handle'", v.Header.Namespace, p.Name)
	return f
}

// seenBy is a member whose last view contains the pod's node, or nil.
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
