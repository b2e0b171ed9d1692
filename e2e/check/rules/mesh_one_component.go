package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func meshOneComponent() check.Check {
	return check.Check{
		ID: "mesh/one-component", Title: "forms one cluster, not several", Rung: check.Mesh, Level: check.Required, Scenario: "formation", Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "Nodes that start at the same time and find no peer may each form a separate cluster. Each cluster looks healthy from inside, and they never merge.",
		Source: "https://github.com/rabbitmq/rabbitmq-server/issues/13043",
		Causes: check.Alike(check.NeedsMesh("discovery/alive"), "separate-clusters", "never-asked", "api-denied", "api-gave-nobody", "dialled-nobody", "no-such-node",
			"dials-refused", "dials-rejected", "dials-unanswered", "dials-closed", "other-name"),
		Judge: evidence.ForCluster(evidence.UnlessProbeVisible(oneComponent)),
	}
}

func oneComponent(v *view.View) []check.Finding {
	m := check.MeshSnapshot(v)
	if len(m.Pods) == 0 {
		return check.NothingSeen(v, "there was no node to check")
	}
	groups := m.Groups()
	if len(groups) == 1 {
		f := check.Finding{Subject: check.OnWorkload(v), Outcome: check.Pass, At: m.Youngest()}
		if len(m.Pods) == 1 && m.Views[0].Nodes == nil {
			f.Outcome, f.Message, f.Of = check.Unseen, m.Views[0].Why, []check.Subject{check.OnPod(m.Pods[0])}
		}
		return []check.Finding{f}
	}
	unseen := map[*view.Pod]string{}
	for i, p := range m.Pods {
		if m.Views[i].Nodes == nil {
			unseen[p] = m.Views[i].Why
		}
	}
	var all []check.Finding
	for _, g := range groups[1:] {
		all = append(all, separate(v, m, groups, g, unseen))
	}
	return all
}

// separate judges a group that has no connection to the largest one.
func separate(v *view.View, m *check.Snapshot, groups [][]*view.Pod, g []*view.Pod, unseen map[*view.Pod]string) check.Finding {
	f := check.Finding{Subject: check.OnGroup(g), Of: append([]check.Subject{check.OnService(v)}, check.Images(v)...), Outcome: check.Fail, Code: "separate-clusters", At: m.Youngest()}
	between := g
	if len(groups[0]) == len(g) {
		between = append(between[:len(between):len(between)], groups[0]...)
	}
	for _, p := range between {
		f.Of = append(f.Of, check.OnPod(p))
	}
	for _, p := range g {
		for _, q := range groups[0] {
			f.Of = append(f.Of, check.OnPair(p, q), check.OnPair(q, p))
		}
	}
	for _, p := range g {
		if why := unseen[p]; why != "" {
			f.Outcome, f.Code, f.Message = check.Unseen, "", why+", so it is not known whether it is in the cluster"
			f.Of = append(f.Of, check.PairsTo(v, p)...)
			return f
		}
	}
	for i, h := range groups {
		f.Seen = append(f.Seen, fmt.Sprintf("cluster %d: %s", i+1, check.List(podNames(h))))
	}
	f.Seen = check.FirstOf(f.Seen, 8)
	for _, p := range check.FirstPods(between, 2) {
		f.Seen = append(f.Seen, check.FirstOf(evidence.TrailOf(v, p), 6)...)
	}
	f.Message = fmt.Sprintf("%d disjoint clusters%s: [%s] and [%s] do not see each other", len(groups), sinceCreated(v, m), check.List(podNames(g)), check.List(podNames(groups[0])))
	f.Remedy = "make discovery go on after its first round, on every node, whether that round found peers or not"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, g[0].Name)
	followTrail(v, m.Pods, between, &f)
	return f
}

func podNames(pods []*view.Pod) []string {
	var all []string
	for _, p := range pods {
		all = append(all, p.Name)
	}
	return all
}
