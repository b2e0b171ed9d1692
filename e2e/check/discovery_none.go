package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

// asksNobody judges a profile that promises expect.discovery: none. Names of pods that are written down are resolved, too; what
// is asked for peers is the Service itself.
func asksNobody(v *view.View, pods []*view.Pod) []Finding {
	var all []Finding
	for _, p := range pods {
		a := askedBy(p)
		if !a.seen {
			all = append(all, Finding{Subject: onPod(p), Outcome: Unseen, Message: "nobody listened to what " + p.Name + " asks DNS for"})
		}
		for _, name := range a.names() {
			if hosts := hostLabels(name); len(hosts) > 0 && hosts[0] == v.Profile.Service {
				f := Finding{Subject: onPod(p)}
				f.fail("asks", fmt.Sprintf("%s asks DNS for %s, and the profile promises that nobody is asked for peers (expect.discovery: none)", orName(p), name),
					"leave expect.discovery out of the profile, or let the nodes connect to those of their own list only", tally(a.questions[name]))
				all = append(all, f)
				break
			}
		}
	}
	if len(all) == 0 {
		return []Finding{{Subject: onWorkload(v), Outcome: NotApplicable, Message: "the profile promises that nobody is asked for peers (expect.discovery: none), and nobody was seen asking"}}
	}
	return all
}
