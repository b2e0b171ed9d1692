package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func rolloutKeepsLinks() check.Check {
	return check.Check{
		ID: "rollout/keeps-links", Title: "keeps the links between remaining nodes during a rolling update", Rung: check.Rollout, Level: check.Required, Scenario: "rollout",
		Reads: []recording.Kind{recording.KindPod, recording.KindSockets},
		Why: "At every deploy all nodes leave, one after the other. If discovery disconnects them itself, or global disconnects nodes that another node has lost, the remaining nodes also lose each other: " +
			"running processes are reported as dead, and name conflicts kill one of two processes.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"link-lost": {"rollout/replaces-all"}},
		Judge:  evidence.ForRollout(keepsLinks),
	}
}

func keepsLinks(v *view.View, r evidence.Rollout) []check.Finding {
	var all []check.Finding
	pods := v.Pods()
	for i, p := range pods {
		for _, q := range pods[i+1:] {
			if f, judged := keepsLink(v, r, p, q); judged {
				all = append(all, f)
			}
		}
	}
	if len(all) == 0 {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: fmt.Sprintf("no two pods had a link for %s while both existed", evidence.MinLinkAge)}}
	}
	return all
}

// notice is how late we may learn that a pod is terminating: its node may already be closing its links.
const notice = 500 * time.Millisecond

// keepsLink judges the link that two pods had first while the rollout went on, up to when the first of them began to terminate.
func keepsLink(v *view.View, r evidence.Rollout, p, q *view.Pod) (f check.Finding, judged bool) {
	from, to := max(0, r.Began-evidence.MinLinkAge, p.First, q.First), v.End()
	for _, x := range []*view.Pod{p, q} {
		if at, ends := x.Ends(from); ends {
			to = min(to, at-notice-max(v.Slack(p.AgentOf(), recording.ByKube, at), v.Slack(p.AgentOf(), x.AgentOf(), at)))
		}
	}
	for _, e := range view.Between(p.Sockets, from, to-evidence.MinLinkAge) {
		if e.Sockets.Outcome != recording.OK || len(view.Links(e, p, q)) == 0 {
			continue
		}
		if met := evidence.LastingLinks(p, q, e.T, e.T+evidence.MinLinkAge); len(met) > 0 {
			f = evidence.LinkWindow{P: p, Q: q, From: e.T, To: to, Links: met, Disturbance: r.Began, What: "the rollout started"}.Kept()
			switch f.Outcome {
			case check.Fail:
				f.Code = "link-lost"  // whether they reconnect before one of them terminates is chance
				f.From = max(from, 1) // one of them may have been told to end by then
			case check.Pass:
				f.Reads = []recording.Kind{recording.KindSockets}
			}
			return f, true
		}
	}
	// Two pods without a lasting link may have had no time for it; whether they find each other at all is judged elsewhere.
	together := max(from, p.ReadySince(to), q.ReadySince(to))
	if p.Ready(to) && q.Ready(to) && to-together > evidence.MinLinkAge+p.MaxGap() && !sampled(p, together, to) {
		return check.Finding{Subject: check.OnPair(p, q), Outcome: check.Unseen, Message: fmt.Sprintf("the socket table of %s was not read all the time while it and %s existed", p.Name, q.Name)}, true
	}
	return f, false
}

// sampled reports whether the pod's socket table was read from from to to without a gap longer than [view.View.MaxGap].
func sampled(p *view.Pod, from, to time.Duration) bool {
	for _, e := range view.Between(p.Sockets, from, to) {
		if e.Sockets.Outcome != recording.OK {
			continue
		}
		if e.T-from > p.MaxGap() {
			return false
		}
		from = e.T
	}
	return to-from <= p.MaxGap()
}
