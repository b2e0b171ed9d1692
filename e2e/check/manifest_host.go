package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func manifestHost() Check {
	return Check{
		ID: "manifest/host-resolves", Title: "names its nodes by hosts that their peers can reach", Rung: Manifest, Level: Required, Scenario: "formation",
		Why:    "A peer of NAME@HOST dials HOST. DNS has a pod's own name only below the Service that governs its StatefulSet: POD.SERVICE.NAMESPACE.svc. A Deployment's pods have none, and a machine's address is not the pod's.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pods",
		Causes: Alike(From(DNS, "pods/*", "vm/*"), "not-in-dns", "other-service", "alone", "of-the-machine"),
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				if w.Spec.Template.Spec.HostNetwork {
					f.skip("the pods of " + w.String() + " have the machine's network: its names are theirs")
					return
				}
				for _, p := range m.places(w) {
					name, _ := nameIn(p)
					if _, host, is := strings.Cut(p.in.filledIn(name, 0), "@"); is && host != "" {
						if w.unresolved(host, f); f.Outcome == Fail {
							f.Message = fmt.Sprintf("%s of %s names the node %s: ", p.where, w, name) + f.Message
							return
						}
					}
				}
			})
		},
	}
}

// What Kubernetes puts in for a fieldRef, as filledIn writes it.
const (
	aPod     = "<metadata.name>"
	itsHost  = "<status.hostIP>"
	itsNode  = "<spec.nodeName>"
	maxNests = 8 // variables in variables
)

// filledIn is the text with the container's own variables in place of their references; what is not known stays a reference.
func (c *container) filledIn(text string, nested int) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		e := c.env(strings.Trim(ref, "$(){}"))
		switch {
		case e == nil || nested == maxNests || strings.HasPrefix(ref, "$$"):
			return ref
		case e.ValueFrom == nil:
			return c.filledIn(e.Value, nested+1)
		case e.ValueFrom.FieldRef != nil:
			return "<" + e.ValueFrom.FieldRef.FieldPath + ">"
		}
		return ref
	})
}

// unresolved fails the finding where no peer can reach a pod of the workload by that host. What is not known is not judged.
func (w *workload) unresolved(host string, f *Finding) {
	remedy := "take status.podIP for the host part, which every peer can dial"
	below, isPod := strings.CutPrefix(host, aPod)
	service, _, _ := strings.Cut(strings.TrimPrefix(below, "."), ".")
	switch {
	case w.Kind != "DaemonSet" && (host == itsHost || host == itsNode):
		f.fail("of-the-machine", host+" is the machine's: all pods there have one name, and no node listens at that address", remedy)
	case !isPod || strings.Contains(below, "$"):
	case below == "":
		f.fail("alone", "the pod's name alone is no host that other pods can resolve", remedy)
	case w.Kind != "StatefulSet" && strings.Contains(below, ".svc"):
		f.fail("not-in-dns", fmt.Sprintf("the pods of a %s have no names in DNS below %s", w.Kind, strings.TrimPrefix(below, ".")), remedy+", or make it a StatefulSet")
	case w.Kind == "StatefulSet" && w.Spec.ServiceName != "" && service != w.Spec.ServiceName && !strings.Contains(service, "<"):
		f.fail("other-service", fmt.Sprintf("the names of its pods are below Service %s (serviceName), not %s", w.Spec.ServiceName, service), "put "+w.Spec.ServiceName+" in the place of "+service)
	}
}
