package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshStable() Check {
	return Check{
		ID: "mesh/stable", Title: "keeps the full mesh while nothing happens", Rung: Mesh, Level: Required, Scenario: "formation",
		Why:    "A mesh that tears itself apart and heals (an address that comes and goes in DNS, overlapping partitions) looks full at every second glance.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (prevent_overlapping_partitions)",
		Causes: map[string][]string{"flapping": NeedsMesh()},
		Judge: undisturbed(forCluster(func(v *view.View) []Finding {
			first, formed := v.FirstFull(0)
			if !formed {
				// Each pod's stability is unseen; what keeps the mesh from forming explains it.
				whole := everything(v)
				return eachMember(v, func(p *view.Pod) Finding {
					return Finding{Subject: onPod(p), Of: whole, Outcome: Unseen, Message: "the mesh was never full, so that it could not be seen to stay so"}
				})
			}
			hold := v.Profile.Hold.D()
			from := max(first, v.End()-hold)
			rolls := v.Memberships(v.Expected(v.End()), from, v.End())
			return eachMember(v, func(p *view.Pod) Finding { return stable(p, rolls, from, v.End(), hold) })
		})),
	}
}

func stable(p *view.Pod, rolls func(time.Duration) *view.Membership, from, to, hold time.Duration) Finding {
	f := Finding{Subject: onPod(p), Outcome: Pass, At: to, Took: to - from}
	var losses []string
	looks := view.Between(p.Nodes, from, to)
	for i, e := range looks {
		if e.Nodes.Outcome != recording.OK {
			continue
		}
		r := rolls(e.T)
		if i > 0 && len(losses) == 0 && looks[i-1].Nodes.Outcome == recording.OK && r == rolls(looks[i-1].T) && slices.Equal(e.Nodes.Visible, looks[i-1].Nodes.Visible) {
			continue // as a moment ago, when it was full
		}
		if d := r.Lacks(p, e); len(d) > 0 {
			losses = append(losses, fmt.Sprintf("%.2f s: %s", e.T.Seconds(), strings.Join(d, " and ")))
		}
	}
	covered, gap := p.Covered(from, to)
	switch {
	case len(losses) > 0:
		f.Outcome, f.Code = Fail, "flapping"
		f.Message = fmt.Sprintf("the view of %s was not full in %d of %d looks of the last %.0f s, though nothing was done to the cluster", p.Node(), len(losses), len(looks), (to - from).Seconds())
		f.Seen = firstOf(losses, 8)
	case !covered:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the view of %s was not watched for %.1f s of the %.0f s, at most %.0f s may be missed", p.Name, gap.Seconds(), (to-from).Seconds(), view.MaxGap.Seconds())
	case to-from < hold:
		f.Outcome, f.Message = Unseen, fmt.Sprintf("the mesh was watched for %.1f s after it was full, %.0f s are needed", (to-from).Seconds(), hold.Seconds())
	}
	return f
}

// everything are the subjects that a whole mesh consists of.
func everything(v *view.View) []Subject {
	all, _ := v.Once("everything", func() any { return slices.Clip(wholeOf(v)) }).([]Subject)
	return all
}

func wholeOf(v *view.View) []Subject {
	all := []Subject{onService(v), onWorkload(v)}
	pods := members(v)
	for _, g := range meshRoll(v).groups()[1:] {
		all = append(all, onGroup(g))
	}
	for _, p := range pods {
		all = append(all, onPod(p))
		for _, q := range pods {
			if p != q {
				all = append(all, onPair(p, q))
			}
		}
	}
	return append(all, images(v)...)
}

func eachMember(v *view.View, judge func(p *view.Pod) Finding) []Finding {
	var all []Finding
	for _, p := range members(v) {
		all = append(all, judge(p))
	}
	if len(all) == 0 {
		f := none(v, "there was no pod to look at")
		f[0].Of = everything(v)
		return f
	}
	return all
}

func firstOf(lines []string, n int) []string {
	if len(lines) <= n {
		return lines
	}
	return append(lines[:n:n], fmt.Sprintf("and %d more", len(lines)-n))
}
