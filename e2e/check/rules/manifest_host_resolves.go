package rules

import (
	"cmp"
	"fmt"
	"slices"
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
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "not-in-dns", "other-service", "other-namespace", "alone", "of-the-machine"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				if w.Pod().HostNetwork {
					f.Skip("the pods of " + w.String() + " use hostNetwork: the names of their Kubernetes nodes are valid")
					return
				}
				if m.Single() {
					f.Skip("there is one node only, which no peer has to reach")
					return
				}
				names := m.Names(w)
				for _, n := range names {
					if unresolved(m, w, n, f); f.Outcome == check.Fail {
						f.Message = fmt.Sprintf("%s of %s sets the node name %s: ", n.Where, w, n.Said()) + f.Message
						return
					}
				}
				switch {
				case len(names) == 0:
					f.Skip(m.NoName(w))
				case !slices.ContainsFunc(names, objects.NodeName.HostKnown):
					f.Skip("the manifests do not tell the host part of the node name " + names[0].Written + " (" + names[0].Where + ")")
				}
			})
		},
	}
}

// unresolved fails the finding if no peer can reach a pod of the workload by that name's host. What is not known is not judged.
func unresolved(m *objects.Manifests, w *manifest.Workload, n objects.NodeName, f *check.Finding) {
	const address = "the pod's IP as the host part, which every peer can dial (valueFrom: {fieldRef: {fieldPath: status.podIP}})"
	host := n.Host()
	if host == "" && n.Form == objects.Short && m.Clusters(w) && !strings.ContainsAny(n.Value, "$`") {
		host = objects.PodName // the host name of the pod, without a domain
	}
	below, isPod := strings.CutPrefix(host, objects.PodName)
	service, _, _ := strings.Cut(strings.TrimPrefix(below, "."), ".")
	switch {
	case len(n.Literal) > 0: // what Kubernetes does not replace is manifest/variables-set
	case w.Kind != "DaemonSet" && (host == objects.HostIP || host == objects.KubeNode):
		f.Fail("of-the-machine", host+" belongs to the Kubernetes node, not to the pod: all pods there have the same name, and no Erlang node listens on that address", "use "+address)
	case !isPod || strings.Contains(below, "$"):
	case below == "":
		alone(m, w, n, f)
	case w.Kind != "StatefulSet" && strings.Contains(below, ".svc"):
		f.Fail("not-in-dns", fmt.Sprintf("the pods of a %s have no DNS names below %s", w.Kind, strings.TrimPrefix(below, ".")), "use "+address+", or change the workload to a StatefulSet")
	case w.Kind == "StatefulSet" && strings.HasPrefix(below, ".<metadata.namespace>.svc"):
		f.Fail("other-service", "the Service of the pod's DNS name is missing before the namespace: POD.SERVICE.NAMESPACE.svc", "write ."+cmp.Or(w.ServiceName, "SERVICE")+" behind the pod's name")
	case w.Kind == "StatefulSet" && otherNamespace(w, below) != "":
		f.Fail("other-namespace", fmt.Sprintf("its pods are in namespace %s, and DNS has their names there, not in %s", w.Namespace, otherNamespace(w, below)), "write "+namespaceFor(m, w, n)+" instead of "+otherNamespace(w, below))
	case w.Kind == "StatefulSet" && w.ServiceName != "" && service != w.ServiceName && !strings.Contains(service, "<"):
		f.Fail("other-service", fmt.Sprintf("the DNS names of its pods are below Service %s (serviceName), not %s", w.ServiceName, service), "write "+w.ServiceName+" instead of "+service)
	}
}

// otherNamespace is the namespace in a host below a pod's name where it is certainly not that of the workload, else "".
func otherNamespace(w *manifest.Workload, below string) string {
	labels := strings.Split(below, ".")
	if w.Namespace == "" || len(labels) < 4 || labels[3] != "svc" || labels[2] == w.Namespace || strings.ContainsAny(labels[2], "<$") {
		return ""
	}
	return labels[2]
}

// alone fails the finding if peers cannot resolve the pod's name without a domain. A search list, an entry in /etc/hosts or a
// Service for each pod can make it resolvable.
func alone(m *objects.Manifests, w *manifest.Workload, n objects.NodeName, f *check.Finding) {
	if searched(w) || len(w.Pod().HostAliases) > 0 || m.Service(w.Namespace, w.Name+"-0") != nil || m.Mentions(w, "inetrc") {
		return
	}
	if w.Kind != "StatefulSet" || w.ServiceName == "" {
		f.Fail("alone", "other pods cannot resolve the pod's name without its domain", "use the pod's IP as the host part, which every peer can dial (valueFrom: {fieldRef: {fieldPath: status.podIP}})"+longer(n))
		return
	}
	tail := "." + w.ServiceName + "." + namespaceFor(m, w, n) + ".svc.cluster.local"
	why := fmt.Sprintf("DNS has the pod's name only below the Service of the StatefulSet, as POD.%s.NAMESPACE.svc", w.ServiceName)
	if n.Form == objects.Long {
		why += fmt.Sprintf("; and a VM with long names (%s) connects to no host without a dot", n.FormBy)
	}
	f.Fail("alone", why, fullName(n, tail)+longer(n))
}

// fullName says what to write instead of a name whose host is the bare pod name.
func fullName(n objects.NodeName, tail string) string {
	if n.Host() == "" {
		return "give the node a name with a full host: NAME@POD" + tail + ", with the pod's name from valueFrom: {fieldRef: {fieldPath: metadata.name}}"
	}
	if n.Written == n.Refer(n.Variable) {
		return "write " + n.How + "$(POD_NAME)" + tail + ", below {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}"
	}
	return "write " + n.How + n.Written + tail
}

// longer says how to change to long names where the name is a short one: a host with dots needs it.
func longer(n objects.NodeName) string {
	if n.Form != objects.Short {
		return ""
	}
	return ", and " + objects.MakeLong(n)
}

// searched reports whether the pods' own search list has the domain of their names.
func searched(w *manifest.Workload) bool {
	c := w.Pod().DNSConfig
	return c != nil && w.ServiceName != "" && slices.ContainsFunc(c.Searches, func(domain string) bool { return strings.HasPrefix(domain, w.ServiceName+".") })
}

// namespaceFor is the namespace as the reader writes it where the name is: a variable of the container, else its name.
func namespaceFor(m *objects.Manifests, w *manifest.Workload, n objects.NodeName) string {
	for _, v := range m.Env(w, n.In).Variables {
		if v.From == "fieldRef metadata.namespace" {
			return n.Refer(v.Name)
		}
	}
	if w.Namespace != "" {
		return w.Namespace
	}
	return "NAMESPACE"
}
