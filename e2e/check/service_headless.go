package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/view"
)

func serviceHeadless() Check {
	return Check{
		ID: "service/headless", Title: "has a headless Service", Rung: Service, Level: Required, Episode: "formation",
		Why:    "Only a headless Service resolves to its pods. One with a cluster IP resolves to that address: every node would ask for itself or for one peer, under a name that no node has.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/service/#headless-services",
		Causes: map[string][]string{"not-headless": above("dns/*", "discovery/*"), "no-service": above("dns/*", "discovery/*")},
		Judge: func(v *view.View) []Finding {
			f := Finding{Subject: onService(v), Of: images(v), Outcome: Pass}
			s, ok := v.Service()
			switch {
			case v.Profile.Service == "":
				f.Outcome, f.Code = Fail, "no-service"
				f.Says = "no Service among the manifests selects the workload's pods"
				f.Remedy = "add a Service with clusterIP: None whose selector matches the labels of the pod template"
			case !ok:
				f.Outcome, f.Says = Unseen, fmt.Sprintf("Service %s was not reported by the API server", v.Profile.Service)
			case s.ClusterIP != "None":
				f.Outcome, f.Code = Fail, "not-headless"
				f.Says = fmt.Sprintf("Service %s has cluster IP %s: its name resolves to that one virtual address, not to the pods", s.Name, s.ClusterIP)
				f.Remedy = "set spec.clusterIP: None (the field is immutable: delete the Service and create it again)"
				f.Try = fmt.Sprintf("kubectl -n %s get service %s -o jsonpath='{.spec.clusterIP}'", v.Header.Namespace, s.Name)
			}
			return []Finding{f}
		},
	}
}
