package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestNamePerPod() check.Check {
	return check.Check{
		ID: "manifest/name-per-pod", Title: "gives each pod its own node name", Rung: check.Manifest, Level: check.Required, Scenario: "formation",
		Why:    "Nodes of one name are one node to their peers: a connection to the second ends the one to the first, and a name with a fixed host leads all dials to the same place.",
		Source: "https://kubernetes.io/docs/tasks/inject-data-application/environment-variable-expose-pod-information/",
		Causes: check.Alike(check.From(check.EPMD), "same-name", "fixed-address"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if m.Replicas(w) < 2 {
					return
				}
				for _, p := range m.Places(w) {
					value, how := objects.NameIn(p)
					if host, literal := fixedHost(value); literal {
						f.Fail("same-name", fmt.Sprintf("%s names the node %s in all %d pods of %s: the host part is always %s", p.Where, value, m.Replicas(w), w, host),
							"name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}, and "+how+strings.TrimSuffix(value, host)+"$(POD_IP)")
						return
					}
					if perPod(p.Variable) && p.Text != "" && !objects.HasReference(p.Text) {
						f.Fail("fixed-address", fmt.Sprintf("%s is %s in all %d pods of %s", p.Where, p.Text, m.Replicas(w), w),
							"take it from the pod itself: valueFrom: {fieldRef: {fieldPath: status.podIP}} (metadata.name for a pod's name)")
						return
					}
				}
			})
		},
	}
}

// fixedHost is the host part of a node name that no variable has a part in.
func fixedHost(name string) (host string, fixed bool) {
	_, host, _ = strings.Cut(name, "@")
	return host, host != "" && !objects.HasReference(name) && !strings.Contains(name, "$")
}

// perPod reports whether a variable of that name ought to be another in each pod.
func perPod(name string) bool {
	return strings.HasSuffix(name, "POD_IP") || strings.HasSuffix(name, "POD_NAME") || name == "HOSTNAME"
}
