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

func rolloutHandsOver() check.Check {
	return check.Check{
		ID: "rollout/hands-over", Title: "lets new pods join the cluster before the last old pod leaves", Rung: check.Rollout, Level: check.Required, Scenario: "rollout",
		Reads: []recording.Kind{recording.KindPod, recording.KindNodes},
		Why: "Data that is only in the memory of the cluster (sessions, registries, Mnesia's ram_copies) survives a deploy only if a new node has joined before the last old node leaves. " +
			"Otherwise the new version forms a separate, empty cluster, and nobody sees an error.",
		Source: "https://kubernetes.io/docs/tutorials/kubernetes-basics/update/update-intro/",
		Causes: map[string][]string{"founded-anew": nil},
		Judge:  evidence.ForRollout(handsOver),
	}
}

func handsOver(v *view.View, r evidence.Rollout) []check.Finding {
	f := check.Finding{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Pass}
	if at, met := firstMet(v, r); met {
		f.At, f.Took = at, at-r.Began
		return []check.Finding{f}
	}
	remaining, last, ended := r.Remaining(v)
	switch {
	case len(remaining) > 0:
		f.Outcome, f.Message = check.Unseen, remaining[0].Name+" of the old version still exists, and no node of the new version was seen in a cluster with it"
		return []check.Finding{f}
	case len(r.New) == 0:
		f.Outcome, f.Message = check.Unseen, "no pod of the new version was seen"
		return []check.Finding{f}
	}
	for _, p := range slices.Concat(r.Old, r.New) {
		if why := unseenView(r, p, ended); why != "" {
			f.Outcome, f.Message = check.Unseen, why
			return []check.Finding{f}
		}
	}
	f.Outcome, f.Code, f.From, f.At = check.Fail, "founded-anew", max(r.Began, 1), ended
	f.Message = fmt.Sprintf("%s, the last pod of the old version, %s, exited, and no node of the new version had been in a cluster with a node of the old one: ", r.Since(ended), last.Name)
	f.Try = fmt.Sprintf("kubectl -n %s get pods -w, while the rollout goes on", v.Header.Namespace)
	if up, first := firstUp(r); first != nil && up < ended {
		f.Message += fmt.Sprintf("%s ran at the same time for %.1f s, but neither saw the other", evidence.NodeOrPod(first), (ended - up).Seconds())
		f.Remedy = "make both versions able to connect: the same cookie, the same form of node names, the same name for discovery"
		return []check.Finding{f}
	}
	f.Message += "no new node had started yet"
	f.Remedy = "set strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}, and a readinessProbe that succeeds only when the node has joined its cluster, or is allowed to run alone"
	return []check.Finding{f}
}

// firstMet is when a node of the new version and one of the old were first in one cluster, by the view of either. A name belongs to
// the pod that has it at that time: in a StatefulSet the new pod has the name of the old one.
func firstMet(v *view.View, r evidence.Rollout) (at time.Duration, ever bool) {
	saw := func(t time.Duration) {
		if !ever || t < at {
			at, ever = t, true
		}
	}
	for _, n := range r.New {
		for _, p := range r.Old {
			end, gone := p.Exited()
			for _, e := range n.Nodes {
				if e.Nodes.Outcome == recording.OK && (!gone || e.T < end+v.Slack(p.ExitSeenBy(), n.AgentOf(), end)) && slices.ContainsFunc(e.Nodes.Visible, p.Is) {
					saw(e.T)
				}
			}
			if !ownName(r, n) {
				continue
			}
			for _, e := range p.Nodes {
				if e.T > r.Began && e.Nodes.Outcome == recording.OK && slices.ContainsFunc(e.Nodes.Visible, n.Is) {
					saw(e.T)
				}
			}
		}
	}
	return at, ever
}

// ownName reports whether no pod of the old version had the name of that new one.
func ownName(r evidence.Rollout, n *view.Pod) bool {
	return n.Node() != "" && !slices.ContainsFunc(r.Old, func(p *view.Pod) bool { return p.Node() == n.Node() })
}

// unseenView says why it is not known whether p saw a node of the other version up to t, or "".
func unseenView(r evidence.Rollout, p *view.Pod, t time.Duration) string {
	from := max(p.ReadySince(t), r.Began)
	if !p.Ready(from) || from >= t {
		return ""
	}
	if end, gone := p.Exited(); gone {
		t = min(t, end)
	}
	if covered, longest := p.Covered(from, t); !covered {
		return fmt.Sprintf("the view of %s was not recorded for %.1f s while both versions ran", p.Name, longest.Seconds())
	}
	return ""
}

// firstUp is when the first node of the new version was up, and the pod of this node.
func firstUp(r evidence.Rollout) (at time.Duration, first *view.Pod) {
	for _, n := range r.New {
		for _, e := range n.Nodes {
			if e.Nodes.Outcome == recording.OK {
				if first == nil || e.T < at {
					at, first = e.T, n
				}
				break
			}
		}
	}
	return at, first
}
