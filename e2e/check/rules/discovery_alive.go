package rules

import (
	"bytes"
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func discoveryAlive() check.Check {
	return check.Check{
		ID: "discovery/alive", Title: "goes on asking for its peers while the mesh is full", Rung: check.Discovery, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindAsked},
		Why:    "A discovery that died after its first round is invisible for as long as nothing changes: the next pod that is replaced stays alone. Whether a pod still asks is seen on its own interface.",
		Source: "https://hexdocs.pm/libcluster/readme.html",
		Causes: map[string][]string{"not-asking": {"recovery/pod-delete", "recovery/full-again"}, "asks": nil},
		Judge:  discoveryJudge,
	}
}

func discoveryJudge(v *view.View) []check.Finding {
	pods := check.Members(v)
	if v.LooksOnce() {
		return evidence.DiscoveryNotPromised(v)
	}
	if v.LooksNever() {
		return asksNobody(v, pods)
	}
	if len(pods) > 0 && !asksDNS(v, pods) {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "neither the manifests nor a pod's questions name a Service of the workload: its nodes do not find each other by DNS"}}
	}
	to := v.End()
	from, _ := v.FirstFull(0) // 0 where it never was: then all of the recording counts
	return check.EachPod(v, func(p *view.Pod) check.Finding { return evidence.KeepsAsking(v, p, max(from, p.First), to) })
}

// asksDNS reports whether the workload finds its peers by the Service's name: a pod was seen asking for it, or an object of
// the manifests other than the Service holds it. Where the manifests were not recorded, it may.
func asksDNS(v *view.View, pods []*view.Pod) bool {
	name := v.Profile.Service
	if name == "" {
		return false
	}
	if slices.ContainsFunc(pods, func(p *view.Pod) bool { last, _ := p.LastAsked(name, 0, v.End()); return last > 0 }) {
		return true
	}
	objects := v.Objects("")
	for _, o := range objects {
		if o.Kind != "Service" && (bytes.Contains(o.Manifest, []byte(name+".")) || bytes.Contains(o.Manifest, []byte("."+name+`"`))) {
			return true
		}
	}
	return len(objects) == 0
}

// asksNobody judges a profile that promises expect.discovery: none. Names of pods that are written down are resolved, too; what
// is asked for peers is the Service itself.
func asksNobody(v *view.View, pods []*view.Pod) []check.Finding {
	var all []check.Finding
	for _, p := range pods {
		a := evidence.LookupsOf(p)
		if !a.Heard {
			all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen, Message: "nobody listened to what " + p.Name + " asks DNS for"})
		}
		for _, name := range a.Names() {
			if hosts := evidence.HostLabels(name); len(hosts) > 0 && hosts[0] == v.Profile.Service {
				f := check.Finding{Subject: check.OnPod(p), At: a.Last}
				f.Fail("asks", fmt.Sprintf("%s asks DNS for %s, and the profile promises that nobody is asked for peers (expect.discovery: none)", evidence.NodeOrPod(p), name),
					"leave expect.discovery out of the profile, or let the nodes connect to those of their own list only", evidence.Tally(a.Questions[name]))
				all = append(all, f)
				break
			}
		}
	}
	if len(all) == 0 {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the profile promises that nobody is asked for peers (expect.discovery: none), and nobody was seen asking"}}
	}
	return all
}
