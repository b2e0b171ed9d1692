package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func podsReady() check.Check {
	return check.Check{
		ID: "pods/ready", Title: "has every pod Ready", Rung: check.Pods, Level: check.Required, Scenario: "formation", Settles: true,
		Reads:  []recording.Kind{recording.KindPod},
		Why:    "A headless Service lists only Ready pods unless it publishes the others too: peers may not find a pod that is not Ready.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#a-aaaa-records",
		// While a pod starts, helper VMs may be registered with its epmd.
		Causes: map[string][]string{"not-ready": check.NeedsMesh("dns/*", "epmd/one-name")},
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			for _, p := range check.Members(v) {
				f := check.Finding{Subject: check.OnPod(p), Outcome: check.Pass}
				if p.Ready(v.End()) {
					f.At = p.ReadySince(v.End())
					f.Took = f.At - p.First
				} else {
					f.Outcome, f.Code = check.Fail, "not-ready"
					f.Message = fmt.Sprintf("%s was not Ready after %.0f s", p.Name, (v.End() - p.First).Seconds())
					if why := p.Last().NotReady; why != "" {
						f.Message += ": " + why
					}
					for _, c := range p.Last().Containers {
						f.Seen = append(f.Seen, evidence.LastLog(c)...)
					}
					f.Seen = append(f.Seen, evidence.Warnings(v, "Pod/"+p.Name)...)
					f.Try = fmt.Sprintf("kubectl -n %s describe pod %s", v.Header.Namespace, p.Name)
				}
				all = append(all, f)
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "no pod of the workload was reported in "+v.End().Round(time.Second).String())
			}
			return all
		},
	}
}
