package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func distSamePort() check.Check {
	return check.Check{
		ID: "dist/same-port", Title: "uses the same distribution port on all nodes that have no epmd", Rung: check.Dist, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindVM},
		Why:    "Without epmd a node assumes that its peers use the same port as itself: a node with another port cannot reach its peers, and they cannot reach it.",
		Source: "https://www.erlang.org/doc/apps/kernel/kernel_app.html (erl_epmd_node_listen_port)",
		Causes: map[string][]string{"other-port": check.NeedsListener()},
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			if len(pods) > 0 && !v.EPMDLess() {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the nodes use epmd, which tells peers each node's port"}}
			}
			common := commonPort(pods)
			return check.EachPod(v, func(p *view.Pod) check.Finding { return samePort(v, p, common) })
		},
	}
}

// commonPort is the port that most of the nodes use, the lowest of those where several do.
func commonPort(pods []*view.Pod) int {
	count, common := map[int]int{}, 0
	for _, p := range pods {
		n := p.FixedPort()
		if n == 0 {
			continue
		}
		count[n]++
		if c := count[n]; c > count[common] || c == count[common] && n < common {
			common = n
		}
	}
	return common
}

func samePort(v *view.View, p *view.Pod, common int) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
	n := p.FixedPort()
	if n == 0 {
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the distribution port of %s was not found in its command line", p.Name)
		return f
	}
	f.At = p.VMs[len(p.VMs)-1].T
	if n != common {
		f.Outcome, f.Code = check.Fail, "other-port"
		f.Message = fmt.Sprintf("%s listens on port %d and dials its peers on this port, but they use port %d", evidence.NodeOrPod(p), n, common)
		f.Remedy = fmt.Sprintf("give all nodes the same erl_epmd_node_listen_port (ERL_DIST_PORT): %d", common)
		f.Try = evidence.ShowCommandLine(v, p, 1)
	}
	return f
}
