package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestHostResolves() check.Check {
	return check.Check{
		ID: "manifest/host-resolves", Title: "uses node names whose host part its peers can reach", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "A peer of NAME@HOST dials HOST. DNS has a pod's name only below the governing Service of its StatefulSet: POD.SERVICE.NAMESPACE.svc. Pods of a Deployment have no such name, and the address of the Kubernetes node is not that of the pod.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pods",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "not-in-dns", "other-service", "alone", "of-the-machine"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if w.Pod().HostNetwork {
					f.Skip("the pods of " + w.String() + " use hostNetwork: the names of their Kubernetes nodes are valid")
					return
				}
				for _, p := range m.Places(w) {
					name, _ := objects.NameIn(p)
					if _, host, is := strings.Cut(filledIn(m.Env(w, p.In), name, 0), "@"); is && host != "" {
						if unresolved(w, host, f); f.Outcome == check.Fail {
							f.Message = fmt.Sprintf("%s of %s sets the node name %s: ", p.Where, w, name) + f.Message
							return
						}
					}
				}
			})
		},
	}
}

// The value of a fieldRef, as filledIn writes it.
const (
	aPod     = "<metadata.name>"
	itsHost  = "<status.hostIP>"
	itsNode  = "<spec.nodeName>"
	maxNests = 8 // variables in variables
)

// filledIn is the text with the container's own variables in place of their references; what is not known stays a reference.
func filledIn(e *manifest.Env, text string, nested int) string {
	return objects.Reference.ReplaceAllStringFunc(text, func(ref string) string {
		v, there := e.Lookup(strings.Trim(ref, "$(){}"))
		field, isField := strings.CutPrefix(v.From, "fieldRef ")
		switch {
		case !there || nested == maxNests || strings.HasPrefix(ref, "$$"):
			return ref
		case isField:
			return "<" + field + ">"
		case v.From == "":
			return filledIn(e, v.Written, nested+1)
		}
		return ref
	})
}

// unresolved fails the finding if no peer can reach a pod of the workload by that host. What is not known is not judged.
func unresolved(w *manifest.Workload, host string, f *check.Finding) {
	remedy := "use the pod's IP as the host part, which every peer can dial (valueFrom: {fieldRef: {fieldPath: status.podIP}})"
	below, isPod := strings.CutPrefix(host, aPod)
	service, _, _ := strings.Cut(strings.TrimPrefix(below, "."), ".")
	switch {
	case w.Kind != "DaemonSet" && (host == itsHost || host == itsNode):
		f.Fail("of-the-machine", host+" belongs to the Kubernetes node, not to the pod: all pods there have the same name, and no Erlang node listens on that address", remedy)
	case !isPod || strings.Contains(below, "$"):
	case below == "":
		f.Fail("alone", "other pods cannot resolve the pod's name without its domain", remedy)
	case w.Kind != "StatefulSet" && strings.Contains(below, ".svc"):
		f.Fail("not-in-dns", fmt.Sprintf("the pods of a %s have no DNS names below %s", w.Kind, strings.TrimPrefix(below, ".")), remedy+", or change the workload to a StatefulSet")
	case w.Kind == "StatefulSet" && w.ServiceName != "" && service != w.ServiceName && !strings.Contains(service, "<"):
		f.Fail("other-service", fmt.Sprintf("the DNS names of its pods are below Service %s (serviceName), not %s", w.ServiceName, service), "write "+w.ServiceName+" instead of "+service)
	}
}
