package rules

import (
	"fmt"
	"maps"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func probeOwnAddress() check.Check {
	return check.Check{
		ID: "probe/own-address", Title: "harness: probes originate from each pod's own IP", Rung: check.Probe, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes},
		Why:    "A dial from another network namespace is subject to other firewall rules than a dial from the pod: it proves nothing about the pod.",
		Source: "https://man7.org/linux/man-pages/man7/network_namespaces.7.html",
		Causes: map[string][]string{"other-address": nil},
		Judge: func(v *view.View) []check.Finding {
			if v.Unseen(recording.AnAgent) != "" {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "no probe originates from a pod: the pods are observed without an agent"}}
			}
			astray := dialledAstray(v)
			return check.EachPod(v, func(p *view.Pod) check.Finding {
				f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
				switch detail := astray[p.Number()]; {
				case detail != "":
					f.Outcome, f.Code = check.Unseen, "other-address"
					f.Message = fmt.Sprintf("a probe that should originate from %s at %s came from another address: %s", p.Name, p.IP(), detail)
				case len(p.Nodes)+len(p.Sockets)+len(p.DNS) == 0:
					f.Outcome, f.Message = check.NotApplicable, fmt.Sprintf("no agent sent a probe from %s", p.Name)
				default:
					for _, list := range [][]recording.Event{p.Nodes, p.Sockets, p.DNS} {
						if n := len(list); n > 0 {
							f.At = max(f.At, list[n-1].T)
						}
					}
				}
				return f
			})
		},
	}
}

// dialledAstray is what the agent reported about dials that did not come from a pod's own address, by the number of the pod. If
// the address did not exist and other dials from the pod succeeded, it was missing only for a moment: the sandbox was recreated.
func dialledAstray(v *view.View) map[int32]string {
	astray, absent, good := map[int32]string{}, map[int32]string{}, map[int32]bool{}
	note := func(pod int32, o recording.Outcome, detail string) {
		switch {
		case o != recording.ProbeError:
		case strings.Contains(detail, "the pod's own address"):
			astray[pod] = detail
		case strings.Contains(detail, "no address of the pod's network namespace"):
			absent[pod] = detail
		}
	}
	for _, p := range v.Pods() {
		for _, list := range [][]view.Dial{p.ToEPMD, p.ToDist} {
			for i := range list {
				d := &list[i]
				if d.Good {
					good[d.From] = true
					continue
				}
				note(d.From, d.Outcome(), d.Detail())
			}
		}
		for _, e := range p.Cookies {
			note(p.Number(), e.Cookie.Outcome, e.Cookie.Detail)
		}
	}
	maps.DeleteFunc(absent, func(pod int32, _ string) bool { return good[pod] })
	maps.Copy(absent, astray)
	return absent
}
