package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func meshOneComponent() Check {
	return Check{
		ID: "mesh/one-component", Title: "is one cluster, not several", Rung: Mesh, Level: Required, Scenario: "formation",
		Why:    "Nodes that start at the same time and find nobody may each found a cluster of their own. Each looks healthy from inside, and they never meet.",
		Source: "https://github.com/rabbitmq/rabbitmq-server/issues/13043",
		Causes: map[string][]string{"separate-clusters": NeedsMesh("discovery/alive")},
		Judge:  forCluster(undisturbed(oneComponent)),
	}
}

func oneComponent(v *view.View) []Finding {
	m := meshRoll(v)
	if len(m.pods) == 0 {
		return none(v, "there was no node to ask")
	}
	groups := m.groups()
	if len(groups) == 1 {
		f := Finding{Subject: onWorkload(v), Outcome: Pass, At: m.at}
		if len(m.pods) == 1 && m.looks[0].nodes == nil {
			f.Outcome, f.Message, f.Of = Unseen, m.looks[0].why, []Subject{onPod(m.pods[0])}
		}
		return []Finding{f}
	}
	unseen := map[*view.Pod]string{}
	for i, p := range m.pods {
		if m.looks[i].nodes == nil {
			unseen[p] = m.looks[i].why
		}
	}
	var all []Finding
	for _, g := range groups[1:] {
		all = append(all, apart(v, m, groups, g, unseen))
	}
	return all
}

// apart judges a group that hangs together with nobody of the largest one.
func apart(v *view.View, m *roll, groups [][]*view.Pod, g []*view.Pod, unseen map[*view.Pod]string) Finding {
	f := Finding{Subject: onGroup(g), Of: append([]Subject{onService(v)}, images(v)...), Outcome: Fail, Code: "separate-clusters", At: m.at}
	between := g
	if len(groups[0]) == len(g) {
		between = append(between[:len(between):len(between)], groups[0]...)
	}
	for _, p := range between {
		f.Of = append(f.Of, onPod(p))
	}
	for _, p := range g {
		for _, q := range groups[0] {
			f.Of = append(f.Of, onPair(p, q), onPair(q, p))
		}
	}
	for _, p := range g {
		if why := unseen[p]; why != "" {
			f.Outcome, f.Code, f.Message = Unseen, "", why+": whether it is in the cluster is not known"
			f.Of = append(f.Of, toward(v, p)...)
			return f
		}
	}
	for i, h := range groups {
		f.Seen = append(f.Seen, fmt.Sprintf("cluster %d: %s", i+1, list(podNames(h))))
	}
	f.Seen = firstOf(f.Seen, 8)
	f.Message = fmt.Sprintf("%d separate clusters %.0f s after the objects were made: %s see%s nobody of %s", len(groups), (m.at - m.began).Seconds(), list(podNames(g)), s(len(g)), list(podNames(groups[0])))
	f.Remedy = "let discovery go on looking after it has found its first peers or none, on every node"
	f.Try = fmt.Sprintf("kubectl -n %s logs %s", v.Header.Namespace, g[0].Name)
	return f
}

func podNames(pods []*view.Pod) []string {
	var all []string
	for _, p := range pods {
		all = append(all, p.Name)
	}
	return all
}
