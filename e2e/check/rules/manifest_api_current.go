package rules

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestAPICurrent() check.Check {
	return check.Check{
		ID: "manifest/api-current", Title: "uses API versions that current Kubernetes serves", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "A newer cluster refuses an object of a removed API version. The Endpoints API is deprecated since Kubernetes 1.33, and an Endpoints object holds at most 1,000 addresses.",
		Source: "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
		Causes: map[string][]string{"removed": nil, "deprecated": nil},
		Judge: func(v *view.View) []check.Finding {
			if len(v.Objects("")) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.Unseen, Message: "the manifests were not recorded"}}
			}
			var all []check.Finding
			for _, d := range objects.Read(v).Documents {
				all = append(all, current(d))
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

func current(d *manifest.Document) check.Finding {
	f := check.Finding{Subject: check.OnObject(d.Kind, d.Name), Outcome: check.Pass}
	if now, is := removed[d.APIVersion]; is {
		f.Fail("removed", fmt.Sprintf("%s has apiVersion %s, which Kubernetes no longer serves", d, d.APIVersion), "write apiVersion: "+now)
		return f
	}
	if d.Err != nil {
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s/%s could not be read: %v", d.Kind, d.Name, d.Err)
		return f
	}
	for _, role := range (&manifest.Set{Documents: []*manifest.Document{d}}).Roles() {
		if slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "endpoints") }) {
			f.Fail("deprecated", fmt.Sprintf("%s gives access to endpoints, an API that is deprecated since Kubernetes 1.33", d),
				"configure discovery to read endpointslices (discovery.k8s.io), or the A records of a headless Service, which need no role")
		}
	}
	return f
}
