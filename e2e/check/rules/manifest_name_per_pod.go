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
		Why:    "For their peers, nodes with the same name are the same node: a connection to the second ends the one to the first, and with a fixed host all dials go to the same address.",
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
						f.Fail("same-name", fmt.Sprintf("%s sets the node name %s in all %d pods of %s: the host part is always %s", p.Where, value, m.Replicas(w), w, host),
							"define env {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}} and write "+how+strings.TrimSuffix(value, host)+"$(POD_IP)")
						return
					}
					if perPod(p.Variable) && p.Text != "" && !objects.HasReference(p.Text) {
						f.Fail("fixed-address", fmt.Sprintf("%s is %s in all %d pods of %s", p.Where, p.Text, m.Replicas(w), w),
							"take the value from the pod: valueFrom: {fieldRef: {fieldPath: status.podIP}} (or metadata.name for the pod's name)")
						return
					}
				}
			})
		},
	}
}

// fixedHost is the host part of a node name that contains no variable.
func fixedHost(name string) (host string, fixed bool) {
	_, host, _ = strings.Cut(name, "@")
	return host, host != "" && !objects.HasReference(name) && !strings.Contains(name, "$")
}

// perPod reports whether a variable of that name should differ between pods.
func perPod(name string) bool {
	return strings.HasSuffix(name, "POD_IP") || strings.HasSuffix(name, "POD_NAME") || name == "HOSTNAME"
}
