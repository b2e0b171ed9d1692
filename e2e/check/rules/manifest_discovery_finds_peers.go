package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestDiscoveryFindsPeers() check.Check {
	return check.Check{
		ID: "manifest/discovery-finds-peers", Title: "configures discovery for the Services, labels and names that its pods have", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "Discovery that asks for a Service, a port or a label that no pod has gets an empty list, without an error. And it builds the names of the peers from the answer: from addresses where it asks for A records, from hosts where it asks for SRV records. A node has the one name or the other.",
		Source: "https://github.com/vernemq/docker-vernemq/issues/90",
		Causes: check.Alike(check.NeedsMesh("dns/*", "discovery/*", "handshake/name-as-addressed"), "selector-fits-nothing", "no-such-service", "no-such-port", "other-service", "addresses-for-hosts", "hosts-for-addresses", "other-name", "short-seeds", "no-such-pod", "other-namespace"),
		Judge: func(v *view.View) []check.Finding {
			return objects.OfWorkloads(v, func(m *objects.Manifests, w *manifest.Workload) []check.Finding { return findsPeers(v, m, w) })
		},
	}
}

// findsPeers has a finding for each thing that is not there, else one that passes.
func findsPeers(v *view.View, m *objects.Manifests, w *manifest.Workload) []check.Finding {
	one := check.Finding{Subject: check.OnObject(w.Kind, w.Name), Outcome: check.Pass}
	selectors, questions, peers := m.LabelQueries(w), m.Questions(w), m.Peers(w)
	switch {
	case v.MeansNoMesh():
		one.Skip("no connections between nodes are expected")
	case len(selectors)+len(questions)+len(peers) == 0:
		one.Skip("nothing in the manifests shows by which Service or labels discovery looks for peers")
	}
	if one.Outcome != check.Pass {
		return []check.Finding{one}
	}
	var all []check.Finding
	add := func(f check.Finding) {
		if f.Outcome == check.Fail {
			f.Try = objects.Kubectl(v, fmt.Sprintf("get %s %s -o yaml", strings.ToLower(w.Kind), w.Name))
		}
		all = append(all, f)
	}
	for _, q := range selectors {
		f := one
		if !m.Finds(q) {
			fitsNothing(m, w, q, &f)
		}
		add(f)
	}
	for _, q := range questions {
		f := one
		if v.KubeSeen() {
			f.Skip(q.Where + " names " + q.Name + ": what the nodes really ask for is seen on the cluster (dns/*, handshake/name-as-addressed)")
		} else {
			asksInVain(m, w, q, &f)
		}
		add(f)
	}
	if q, n, is := m.APIBuildsOther(w); is && !v.KubeSeen() {
		f := one
		buildsOther(w, q, n, &f)
		add(f)
	}
	if f := one; !v.KubeSeen() {
		if namesNobody(m, peers, &f); f.Outcome != check.Pass || len(all) == 0 {
			add(f)
		}
	}
	return mostTelling(all)
}

// namesNobody fails the finding where discovery looks for names that no node has: the part before the @ is another one, or a seed's host
// is the bare name of a pod and the nodes have long names. Where the name of a node is not known, nothing is judged.
func namesNobody(m *objects.Manifests, peers []objects.Peer, f *check.Finding) {
	names := m.Named()
	if len(names) == 0 || len(peers) == 0 {
		f.Skip("the manifests do not tell the names of the nodes, or not those that discovery looks for")
		return
	}
	of := fmt.Sprintf("the nodes are called %s%s in %s", names[0].How, names[0].Written, names[0].Where)
	ours, _, _ := strings.Cut(names[0].Value, "@")
	if !slices.ContainsFunc(peers, func(p objects.Peer) bool {
		return slices.ContainsFunc(names, func(n objects.NodeName) bool { return strings.HasPrefix(n.Value, p.Base+"@") })
	}) {
		f.Fail("other-name", fmt.Sprintf("%s has discovery look for nodes with the name %s, but %s", peers[0].Where, withHost(peers[0]), of), "write "+ours+" instead of "+peers[0].Base+" there")
		return
	}
	bare := func(host string) bool { return host != "" && !strings.ContainsAny(host, ".:") }
	if !slices.ContainsFunc(peers, func(p objects.Peer) bool { return !bare(p.Host) }) &&
		!slices.ContainsFunc(names, func(n objects.NodeName) bool { return !dotted(n.Host()) }) {
		f.Fail("short-seeds", fmt.Sprintf("%s has discovery look for %s, a host without a dot, but %s. No name fits", peers[0].Where, peers[0].Said, of), "write the names there as the nodes have them, with the whole host behind the @")
	}
}

func withHost(p objects.Peer) string {
	if p.Host == "" {
		return p.Base + "@…"
	}
	return p.Said
}

// mostTelling are the findings that fail, else one of what is not known, else one that passes, else the first.
func mostTelling(all []check.Finding) []check.Finding {
	for _, o := range []check.Outcome{check.Fail, check.Unseen, check.Pass} {
		if found := slices.DeleteFunc(slices.Clone(all), func(f check.Finding) bool { return f.Outcome != o }); o == check.Fail && len(found) > 0 {
			return found
		} else if len(found) > 0 {
			return found[:1]
		}
	}
	return all[:1]
}

func fitsNothing(m *objects.Manifests, w *manifest.Workload, q objects.LabelQuery, f *check.Finding) {
	have := objects.LabelSet(w.Labels())
	f.Fail("selector-fits-nothing", fmt.Sprintf("%s asks for pods with the labels %s, which no pod of %s has: they have {%s}", q.Where, q.Text, w, have),
		"write labels of the pods there: "+strings.ReplaceAll(have, ": ", "="))
	if q.Pods {
		return
	}
	f.Message = fmt.Sprintf("%s asks for Endpoints with the labels %s. Endpoints have the labels of their Service, and no Service of %s has these", q.Where, q.Text, w)
	f.Seen = append(m.ServiceLabels(), "the pods have {"+have+"}")
	f.Remedy = "give the labels " + q.Text + " to the Service itself (metadata.labels), or let discovery ask for pods (libcluster: kubernetes_ip_lookup_mode: :pods)"
}

// asksInVain fails the finding where what discovery asks DNS or the API for is not there. A Service that is not in the manifests may
// be elsewhere, but for one case: another one of the manifests selects the pods, and nothing asks for it.
func asksInVain(m *objects.Manifests, w *manifest.Workload, q objects.Question, f *check.Finding) {
	s, own := m.Service(w.Namespace, q.Service), m.OwnServices(w, q.InDNS())
	stateful := w.Kind == "StatefulSet" && w.ServiceName != ""
	switch {
	case !q.Own(w) && s != nil && s.Namespace == w.Namespace && m.Service(q.Namespace, q.Service) == nil && len(own) > 0 && slices.Contains(own, s.Name):
		f.Fail("other-namespace", fmt.Sprintf("%s has discovery ask for %s, which is in namespace %s, but Service %s and the pods of %s are in namespace %s", q.Where, q.Name, q.Namespace, s.Name, w, w.Namespace),
			"write "+strings.Replace(q.Name, "."+q.Namespace, "."+w.Namespace, 1)+" there")
	case !q.Own(w):
		f.Skip(fmt.Sprintf("%s names %s, which is in another namespace", q.Where, q.Name))
	case q.By == objects.ForPods && !stateful:
		f.Skip(fmt.Sprintf("%s names %s, and the pods of %s have no DNS names of their own", q.Where, q.Name, w))
	case q.By == objects.ForPods && q.Service == w.ServiceName && q.Pod != "*" && noneIsThere(m, w, q):
		f.Fail("no-such-pod", fmt.Sprintf("%s names the pod %s (%s), and no StatefulSet in the manifests has a pod of that name: those of %s are called %s-N", q.Where, q.Pod, q.Name, w, w.Name), "write "+w.Name+"-N instead of "+q.Pod)
	case q.By == objects.ForPods && q.Service == w.ServiceName:
	case q.By == objects.ForPods && q.Pod != "*" && !strings.HasPrefix(q.Pod, w.Name+"-"):
		f.Skip(fmt.Sprintf("%s names %s, which is no pod of %s", q.Where, q.Name, w))
	case q.By == objects.ForPods:
		f.Fail("other-service", fmt.Sprintf("%s has the name %s, but the DNS names of the pods of %s are below Service %s (its serviceName)", q.Where, q.Name, w, w.ServiceName), "write "+w.ServiceName+" instead of "+q.Service+" there")
	case s == nil && stateful && q.Service == w.ServiceName: // manifest/governing-service says so
	case s == nil && q.By != objects.ForSome && len(own) > 0:
		f.Fail("no-such-service", fmt.Sprintf("%s has discovery ask for Service %s (%s), which is not in the manifests; %s select%s the pods of %s", q.Where, q.Service, q.Name, check.List(own), check.VerbS(len(own)), w),
			"write there the name of Service "+own[0])
	case s == nil && q.By != objects.ForSome:
		f.Outcome = check.Unseen
		f.Message = fmt.Sprintf("%s has discovery ask for Service %s (%s), which is not in the manifests, and no other headless Service there selects the pods of %s", q.Where, q.Service, q.Name, w)
		f.Remedy = "let lint read Service " + q.Service + " together with these manifests, or add it: clusterIP: None and selector: {" + objects.LabelSet(w.Labels()) + "}"
	case s == nil:
		f.Skip(fmt.Sprintf("%s names Service %s, which is not in the manifests", q.Where, q.Service))
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		f.Skip(fmt.Sprintf("%s names Service %s, which stands for another name (ExternalName): what is behind it is not known", q.Where, s.Name))
	case len(s.Spec.Selector) == 0:
		f.Skip(fmt.Sprintf("%s names Service %s, which selects no pods: somebody else writes its addresses", q.Where, s.Name))
	case q.Port != "" && s.Port(q.Port) == nil:
		f.Fail("no-such-port", fmt.Sprintf("%s has discovery ask for %s, but Service %s has no port with the name %s", q.Where, q.Name, s.Name, q.Port),
			"name the distribution port of Service "+s.Name+" "+q.Port+", or write the name of a port that it has"+ports(s))
	default:
		otherNames(m, s, q, f)
	}
}

// noneIsThere reports whether a list of seeds names only pods that no StatefulSet has, and no bare Pod is. Of several names only the first
// is asked about: one finding is enough.
func noneIsThere(m *objects.Manifests, w *manifest.Workload, q objects.Question) bool {
	list := slices.DeleteFunc(slices.Clone(m.Questions(w)), func(o objects.Question) bool { return o.Where != q.Where })
	return list[0] == q && !slices.ContainsFunc(list, func(o objects.Question) bool {
		return o.Pod == "*" || slices.ContainsFunc(m.Set.Workloads(), func(w *manifest.Workload) bool {
			return w.Name == o.Pod || w.Kind == "StatefulSet" && strings.HasPrefix(o.Pod, w.Name+"-")
		})
	})
}

// otherNames fails the finding where discovery builds names that the nodes do not have.
func otherNames(m *objects.Manifests, s *manifest.Service, q objects.Question, f *check.Finding) {
	if n, w, is := m.BuildsOther(s, q); is {
		buildsOther(w, q, n, f)
	}
}

func buildsOther(w *manifest.Workload, q objects.Question, n objects.NodeName, f *check.Finding) {
	named := fmt.Sprintf("%s%s in %s. No name fits", n.How, n.Written, n.Where)
	asks := fmt.Sprintf("%s has discovery ask for %s (%s) and build names of ", q.Where, q.By, q.Name)
	if strings.HasPrefix(q.Name, "mode: ") {
		asks = fmt.Sprintf("%s has libcluster ask the API, and with %s build names of ", q.Where, q.Name)
	}
	if q.By == objects.ForAddresses {
		f.Fail("addresses-for-hosts", fmt.Sprintf("%saddresses, but the nodes of %s are named by hosts: %s", asks, w, named),
			"name the nodes by their address there (the pod's field status.podIP), or let discovery ask for "+asksHosts(q, "SRV records, whose targets are the pods' host names"))
		return
	}
	f.Fail("hosts-for-addresses", fmt.Sprintf("%shosts, but the nodes of %s are named by addresses: %s", asks, w, named),
		"let discovery ask for "+asksHosts(q, "A records")+", or name the nodes by the pods' host names: a StatefulSet's are POD."+cmp.Or(q.Service, "SERVICE")+".NAMESPACE.svc.DOMAIN")
}

// asksHosts is what discovery can ask for instead: of libcluster's API strategy another mode.
func asksHosts(q objects.Question, records string) string {
	switch q.Name {
	case "mode: :ip":
		return "hosts (mode: :hostname, with kubernetes_service_name)"
	case "mode: :hostname":
		return "addresses (mode: :ip)"
	}
	return records
}

// ports are the names of a Service's ports, for the end of a remedy.
func ports(s *manifest.Service) string {
	var all []string
	for _, p := range s.Spec.Ports {
		if p.Name != "" {
			all = append(all, p.Name)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return ": " + check.List(all)
}
