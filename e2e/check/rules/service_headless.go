package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func serviceHeadless() check.Check {
	return check.Check{
		ID: "service/headless", Title: "uses a headless Service for discovery", Rung: check.Service, Level: check.Required, Scenario: "formation", Static: true,
		Reads:  []recording.Kind{recording.KindService},
		Why:    "Only a headless Service resolves to its pods. One with a cluster IP resolves to that address: every node would ask for itself or for one peer, under a name that no node has.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/service/#headless-services",
		Causes: check.Alike(check.NeedsMesh("dns/*", "discovery/*"), "not-headless", "no-service"),
		Judge: func(v *view.View) []check.Finding {
			f := check.Finding{Subject: check.OnService(v), Of: check.Images(v), Outcome: check.Pass}
			s, ok := v.Service()
			switch {
			case v.Profile.Service == "" && v.MeansNoMesh():
				f.Outcome, f.Message = check.NotApplicable, "no Service selects the workload's pods, and the profile means each node to be alone"
			case v.Profile.Service == "":
				f.Outcome, f.Code = check.Fail, "no-service"
				f.Message = "no Service among the manifests selects the workload's pods"
				f.Remedy = "add a Service with clusterIP: None whose selector matches the labels of the pod template"
			case !v.KubeSeen() && len(v.Objects("")) > 0:
				return headlessAsWritten(v)
			case !ok:
				f.Outcome, f.Message = check.Unseen, fmt.Sprintf("Service %s was not reported by the API server", v.Profile.Service)
			case s.ClusterIP != "None":
				f.Outcome, f.Code = check.Fail, "not-headless"
				f.Message = fmt.Sprintf("Service %s has cluster IP %s: its name resolves to that one virtual address, not to the pods", s.Name, s.ClusterIP)
				f.Remedy = "set spec.clusterIP: None (the field is immutable: delete the Service and create it again)"
				f.Try = fmt.Sprintf("kubectl -n %s get service %s -o jsonpath='{.spec.clusterIP}'", v.Header.Namespace, s.Name)
			}
			return []check.Finding{f}
		},
	}
}

// headlessAsWritten judges the Service by its manifest, where nothing was deployed. Whether the nodes ask DNS for it is not seen
// then: only where the nodes' own texts hold its name as DNS has it, a cluster IP is a mistake.
func headlessAsWritten(v *view.View) []check.Finding {
	m, blind := objects.Static(v)
	if blind != nil {
		return blind
	}
	f := check.Finding{Subject: check.OnService(v), Outcome: check.Pass}
	s := m.Service("", v.Profile.Service)
	switch {
	case s == nil:
		f.Skip(fmt.Sprintf("Service %s is not among the manifests", v.Profile.Service))
	case s.Headless():
	case !m.Asked(s.Name):
		f.Skip(fmt.Sprintf("Service %s is not headless, and nothing in the manifests asks DNS for it", s.Name))
	default:
		f.Fail("not-headless", fmt.Sprintf("Service %s gets a cluster IP: its name resolves to that one virtual address, not to the pods", s.Name),
			"set spec.clusterIP: None (the field is immutable: delete the Service and create it again)")
	}
	return []check.Finding{f}
}
