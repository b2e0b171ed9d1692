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

func meshStable() check.Check {
	return check.Check{
		ID: "mesh/stable", Title: "keeps the full mesh while nothing changes", Rung: check.Mesh, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A mesh that breaks and heals again and again (an address that comes and goes in DNS, overlapping partitions) looks full in many single observations.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"flapping": check.NeedsMesh()},
		Judge: evidence.UnlessProbeVisible(evidence.ForCluster(func(v *view.View) []check.Finding {
			first, formed := v.FirstFull(0)
			if !formed {
				// The stability of each pod is unseen; what keeps the mesh from forming explains it.
				whole := check.Everything(v)
				return check.EachPod(v, func(p *view.Pod) check.Finding {
					return check.Finding{Subject: check.OnPod(p), Of: whole, Outcome: check.Unseen, Message: "the mesh was never full, so it could not be observed whether it stays full"}
				})
			}
			hold := v.Profile.Hold.D()
			from := max(first, v.End()-hold)
			rosters := v.Memberships(v.Expected(v.End()), from, v.End())
			return check.EachPod(v, func(p *view.Pod) check.Finding { return stable(p, rosters, from, v.End(), hold) })
		})),
	}
}

func stable(p *view.Pod, rosters func(time.Duration) *view.Membership, from, to, hold time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass, From: max(from, 1), At: to, Took: to - from}
	var losses []string
	samples := view.Between(p.Nodes, from, to)
	for i, e := range samples {
		if e.Nodes.Outcome != recording.OK {
			continue
		}
		roster := rosters(e.T)
		if i > 0 && len(losses) == 0 && samples[i-1].Nodes.Outcome == recording.OK && roster == rosters(samples[i-1].T) && slices.Equal(e.Nodes.Visible, samples[i-1].Nodes.Visible) {
			continue // unchanged since the last observation, when it was full
		}
		if d := roster.Lacks(p, e); len(d) > 0 {
			losses = append(losses, fmt.Sprintf("%.2f s: %s", e.T.Seconds(), strings.Join(d, " and ")))
		}
	}
	covered, gap := p.Covered(from, to)
	switch {
	case len(losses) > 0:
		f.Outcome, f.Code = check.Fail, "flapping"
		f.Message = fmt.Sprintf("the view of %s was not full in %d of %d observations in the last %.0f s, although nothing was changed in the cluster", p.Node(), len(losses), len(samples), (to - from).Seconds())
		f.Seen = check.FirstOf(losses, 8)
	case !covered:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the view of %s was not observed for %.1f s of the last %.0f s; a gap of at most %.0f s is allowed", p.Name, gap.Seconds(), (to-from).Seconds(), p.MaxGap().Seconds())
	case to-from < hold:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the mesh was observed for %.1f s after it was full, but %.0f s are needed", (to-from).Seconds(), hold.Seconds())
	}
	return f
}
