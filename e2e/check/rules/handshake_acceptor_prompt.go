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

func handshakeAcceptorPrompt() check.Check {
	return check.Check{
		ID: "handshake/acceptor-prompt", Title: "answers distribution handshakes without delay", Rung: check.Handshake, Level: check.Latent, Scenario: "formation",
		Reads: []recording.Kind{recording.KindPod, recording.KindDist}, Needs: []string{recording.PeerDials},
		Why:    "net_kernel resolves the names of peers itself, one after the other. A name that cannot be resolved blocks it, and every handshake, for seconds, until healthy peers give up (net_setuptime).",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (net_setuptime)",
		Causes: map[string][]string{"acceptor-slow": {"mesh/links-match-views", "mesh/stable"}},
		Judge:  evidence.EachNode(prompt),
	}
}

// A node answers in a millisecond. A single answer that takes longer than promptly may be chance, slowOften of them are not.
const (
	promptly  = time.Second
	slowOften = 3
)

func prompt(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	var slow, underPressure []view.Dial // pressed: a lack of CPU may explain the delay
	quick, answered, worst := 0, time.Duration(0), time.Duration(0)
	for _, d := range view.During(p.ToDist, from, to) {
		if d.Good {
			answered = d.T
		}
		switch {
		case d.Good && d.Took <= promptly:
			quick++
		case !d.Good && d.Outcome() != recording.Silent:
		case d.Took-v.Pressure(d.T-d.Took, d.T+promptly) <= promptly:
			underPressure = append(underPressure, d)
		default:
			slow, worst = append(slow, d), max(worst, d.Took)
		}
	}
	if answered == 0 {
		return evidence.HandshakeUnseen(v, p) // a node that never answers is not slow
	}
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, At: answered}
	for _, d := range slices.Concat(slow, underPressure) {
		f.Seen = append(f.Seen, fmt.Sprintf("%.2f s: %s %s after %.1f s", d.T.Seconds(), d.Addr(), d.Outcome(), d.Took.Seconds()))
	}
	f.Seen = check.FirstOf(f.Seen, 8)
	epmd := slowestEPMD(p, from, to)
	switch {
	case len(slow)+len(underPressure) < slowOften:
		f.Seen = nil
	case len(slow) < slowOften:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%d answers of %s were slow while the machine was short of CPU: our own timers fired up to %.1f s late", len(slow)+len(underPressure), p.Name, v.Pressure(from, to).Seconds())
	case epmd > promptly:
		f.Outcome, f.Of, f.Message = check.Unseen, check.PairsTo(v, p), fmt.Sprintf("%d answers of %s took up to %.1f s, but answers of its epmd also took up to %.1f s: not only the node is slow", len(slow), p.Name, worst.Seconds(), epmd.Seconds())
	default:
		f.Outcome, f.Code, f.At, f.Of = check.Fail, "acceptor-slow", slow[len(slow)-1].T, check.PairsTo(v, p)
		f.Message = fmt.Sprintf("%s accepts connections at once but takes up to %.1f s to answer the handshake, in %d of %d attempts: its net_kernel is blocked, for example by peer names that it cannot resolve", evidence.NodeOrPod(p), worst.Seconds(), len(slow), quick+len(slow)+len(underPressure))
		f.Remedy = "let discovery return addresses, or names that resolve at once, and no names of dead peers; do not raise net_setuptime"
		f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent hosts HOST, with the host parts of the names that its discovery connects to", v.Header.Namespace, p.Name)
	}
	return f
}

// slowestEPMD is the longest time that the pod's epmd took to answer: if epmd is slow too, the cause is not the node.
func slowestEPMD(p *view.Pod, from, to time.Duration) time.Duration {
	worst := time.Duration(0)
	for _, d := range view.During(p.ToEPMD, from, to) {
		if d.Good || d.Outcome() == recording.Silent {
			worst = max(worst, d.Took)
		}
	}
	return worst
}
