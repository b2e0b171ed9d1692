package rules

import (
	"encoding/json"
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestAPICurrent() check.Check {
	return check.Check{
		ID: "manifest/api-current", Title: "uses API versions that current Kubernetes serves", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "A removed API version is refused by the next cluster; the Endpoints API is deprecated since 1.33 and holds no more than 1,000 addresses.",
		Source: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
		Causes: map[string][]string{"removed": nil, "deprecated": nil},
		Judge: func(v *view.View) []check.Finding {
			objects := v.Objects("")
			if len(objects) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the manifests were not recorded"}}
			}
			var all []check.Finding
			for _, o := range objects {
				all = append(all, current(o))
			}
			return all
		},
	}
}

// removed are the API versions that Kubernetes no longer serves, with the one to use instead.
var removed = map[string]string{
	"extensions/v1beta1": "apps/v1 (networking.k8s.io/v1 for Ingress and NetworkPolicy)", "apps/v1beta1": "apps/v1", "apps/v1beta2": "apps/v1",
	"policy/v1beta1": "policy/v1", "batch/v1beta1": "batch/v1", "autoscaling/v2beta1": "autoscaling/v2", "autoscaling/v2beta2": "autoscaling/v2",
	"networking.k8s.io/v1beta1": "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1beta1": "rbac.authorization.k8s.io/v1", "discovery.k8s.io/v1beta1": "discovery.k8s.io/v1",
}

func current(o recording.Object) check.Finding {
	f := check.Finding{Subject: check.OnObject(o.Kind, o.Name), Outcome: check.Pass}
	var m struct {
		APIVersion string `json:"apiVersion"`
		Rules      []struct {
			Resources []string `json:"resources"`
		} `json:"rules"`
	}
	if err := json.Unmarshal(o.Manifest, &m); err != nil {
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s/%s could not be read: %v", o.Kind, o.Name, err)
		return f
	}
	if now, is := removed[m.APIVersion]; is {
		f.Fail("removed", fmt.Sprintf("%s %s is of %s, which Kubernetes no longer serves", o.Kind, o.Name, m.APIVersion), "apiVersion: "+now)
		return f
	}
	for _, r := range m.Rules {
		if slices.Contains(r.Resources, "endpoints") {
			f.Fail("deprecated", fmt.Sprintf("%s %s gives access to endpoints, an API that is deprecated since Kubernetes 1.33", o.Kind, o.Name),
				"have the discovery read endpointslices (discovery.k8s.io), or the A records of a headless Service, which need no role")
		}
	}
	return f
}
