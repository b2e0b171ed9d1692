package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestName() Check {
	return Check{
		ID: "manifest/name-per-pod", Title: "gives each pod a node name of its own", Rung: Manifest, Level: Required, Scenario: "formation",
		Why:    "Nodes of one name are one node to their peers: a connection to the second ends the one to the first, and a name with a fixed host leads all dials to the same place.",
		Source: "https://kubernetes.io/docs/tasks/inject-data-application/environment-variable-expose-pod-information/",
		Causes: Alike(From(EPMD), "same-name", "fixed-address"),
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				if w.replicas() < 2 {
					return
				}
				for _, p := range m.places(w) {
					value, how := nameIn(p)
					if host, literal := fixedHost(value); literal {
						f.fail("same-name", fmt.Sprintf("%s names the node %s in all %d pods of %s: the host part is always %s", p.where, value, w.replicas(), w, host),
							"name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}, and "+how+strings.TrimSuffix(value, host)+"$(POD_IP)")
						return
					}
					if perPod(p.variable) && p.text != "" && !variableIn(p.text) {
						f.fail("fixed-address", fmt.Sprintf("%s is %s in all %d pods of %s", p.where, p.text, w.replicas(), w),
							"take it from the pod itself: valueFrom: {fieldRef: {fieldPath: status.podIP}} (metadata.name for a pod's name)")
						return
					}
				}
			})
		},
	}
}

// nameIn is the node name that a piece of text sets, and what stands before it.
func nameIn(p place) (name, how string) {
	if strings.HasSuffix(p.variable, "_NODE") || strings.HasSuffix(p.variable, "NODE_NAME") || strings.HasSuffix(p.variable, "NODENAME") {
		return p.text, p.variable + "="
	}
	for _, option := range []string{"-name", "--name", "-sname", "--sname"} {
		if value, is := recording.Flag(words(p.text), option); is {
			return value, option + " "
		}
	}
	return "", ""
}

// fixedHost is the host part of a node name that no variable has a part in.
func fixedHost(name string) (host string, fixed bool) {
	_, host, _ = strings.Cut(name, "@")
	return host, host != "" && !variableIn(name) && !strings.Contains(name, "$")
}

// perPod reports whether a variable of that name ought to be another in each pod.
func perPod(name string) bool {
	return strings.HasSuffix(name, "POD_IP") || strings.HasSuffix(name, "POD_NAME") || name == "HOSTNAME"
}
