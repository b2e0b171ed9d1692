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
		ID: "discovery/alive", Title: "keeps discovering peers after the mesh has formed", Rung: check.Discovery, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindAsked},
		Why:    "If discovery stopped after its first round, nobody notices while nothing changes, but the next pod that is replaced stays alone. The DNS queries of a pod are captured on its own network interface.",
		Source: "https://hexdocs.pm/libcluster/readme.html",
		Causes: map[string][]string{"not-asking": {"recovery/pod-delete", "recovery/full-again"}, "asks": nil},
		Judge:  discoveryJudge,
	}
}

func discoveryJudge(v *view.View) []check.Finding {
	pods := check.Members(v)
	if v.DiscoversOnce() {
		return evidence.DiscoveryNotPromised(v)
	}
	if v.DiscoversNever() {
		return discoversNobody(v, pods)
	}
	if len(pods) > 0 && !discoversByDNS(v, pods) {
		if late := unheard(v, pods); len(late) > 0 {
			return late
		}
		if p, q, s := evidence.AskedVirtual(v, pods); p != nil {
			return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen,
				Message: fmt.Sprintf("%s asks DNS for %s, which has only the virtual address of Service %s: whether it keeps discovering peers cannot be seen", p.Name, q.Name, s.Name)}}
		}
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "neither the manifests nor the pods' DNS queries name a Service of the workload: its nodes do not discover each other by DNS"}}
	}
	to := v.End()
	from, _ := v.FirstFull(0) // 0 if it was never full: then all of the recording counts
	return check.EachPod(v, func(p *view.Pod) check.Finding { return evidence.KeepsDiscovering(v, p, max(from, p.First), to) })
}

// discoversByDNS reports whether the workload finds its peers by the Service's name: a pod queried it, or an object of
// the manifests other than the Service contains it. If the manifests were not recorded, it may.
func discoversByDNS(v *view.View, pods []*view.Pod) bool {
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

// discoversNobody judges a profile that promises expect.discovery: none. Nodes may still resolve the names of pods in their configuration; only
// a query for the Service itself is discovery.
func discoversNobody(v *view.View, pods []*view.Pod) []check.Finding {
	var all []check.Finding
	for _, p := range pods {
		a := evidence.LookupsOf(p)
		if !a.Heard {
			all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen, Message: "the DNS queries of " + p.Name + " were not captured"})
			continue
		}
		asks := false
		for _, name := range a.Names() {
			if hosts := evidence.HostLabels(name); len(hosts) > 0 && hosts[0] == v.Profile.Service {
				asks = true
				f := check.Finding{Subject: check.OnPod(p), At: a.Last}
				f.Fail("asks", fmt.Sprintf("%s queries DNS for %s, but the profile promises that nodes do not discover peers (expect.discovery: none)", evidence.NodeOrPod(p), name),
					"remove expect.discovery from the profile, or configure the nodes to connect only to a fixed list of peers", evidence.Tally(a.Questions[name]))
				all = append(all, f)
				break
			}
		}
		if !asks {
			all = append(all, unheard(v, []*view.Pod{p})...)
		}
	}
	if len(all) == 0 {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the profile promises that nodes do not discover peers (expect.discovery: none), and no such DNS query was seen"}}
	}
	return all
}

// unheard are those of the pods that may have discovered their peers by DNS while nobody captured it.
func unheard(v *view.View, pods []*view.Pod) []check.Finding {
	var all []check.Finding
	for _, p := range pods {
		if why := v.Unheard(p); why != "" {
			all = append(all, check.Finding{Subject: check.OnPod(p), Outcome: check.Unseen, Message: why + ": it may have queried DNS for its peers then"})
		}
	}
	return all
}
