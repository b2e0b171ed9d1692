package rules

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func dnsPeersExist() check.Check {
	return check.Check{
		ID: "dns/peers-exist", Title: "queries DNS for peers that exist", Rung: check.DNS, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindResolver, recording.KindAsked},
		Why:    "A node that queries names that do not exist finds no peer, and usually logs nothing. Causes: a list with pods of another namespace, a Service renamed by a Helm release or a kustomize prefix, a port name that the Service does not have. The record _PORT._tcp.SERVICE exists only for a Service port with that name.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#srv-records",
		Causes: check.Alike(check.NeedsMesh("dns/*", "discovery/*"), "no-such-name", "no-such-port", "no-such-service"),
		Judge: func(v *view.View) []check.Finding {
			pods, ready, hosts := check.Members(v), false, map[string]bool{}
			for _, p := range pods {
				ready = ready || p.Ready(v.End())
				hosts[p.Name] = true
			}
			if len(pods) > 0 && !ready {
				return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no pod is Ready, so no peer records are expected"}}
			}
			return evidence.EachQuerying(v, func(p *view.Pod, a evidence.Lookups, f *check.Finding) { peersExist(v, p, hosts, a, f) })
		},
	}
}

// peersExist judges the names that are meant for peers: they contain the Service's name, or begin with a pod's name. One that
// exists is enough, since lists may be longer than the workload. If the mesh is full it passes: something else finds the peers.
func peersExist(v *view.View, p *view.Pod, hosts map[string]bool, a evidence.Lookups, f *check.Finding) {
	own := evidence.Domain(p)
	if own == "" {
		f.Outcome, f.Message = check.Unseen, "the resolv.conf of "+p.Name+" could not be read"
		return
	}
	if v.Mesh(v.End()).Full {
		return
	}
	if q, s, is := evidence.OnlyVirtual(v, p); is {
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s asks DNS for %s and gets only %s, the virtual address of Service %s: no answer showed whether peers exist", p.Name, q.Name, s.ClusterIP, s.Name)
		return
	}
	var lost, others []recording.Question
	for _, name := range a.Names() {
		q := a.Questions[name]
		labels := strings.Split(name, ".")
		forPeers := slices.Contains(labels, v.Profile.Service) || hosts[labels[0]]
		switch {
		case !forPeers && otherService(name, v.Header.Namespace+".svc."+own) && q.RCodes["NXDOMAIN"] > 0 && evidence.NoRecord(q):
			others = append(others, q)
		case name == evidence.FullName(v, p) && evidence.NoRecord(q): // it had no address while none of its pods was Ready
		case !forPeers, !strings.HasSuffix(name, ".svc."+own), walked(name, p.Resolver().Search), name == strings.ToLower(evidence.HostOf(p)):
		case !evidence.NoRecord(q):
			return
		default:
			lost = append(lost, q)
		}
	}
	// Whether it queried anything else that could lead to its peers: the Service itself, the API.
	elsewhere := slices.ContainsFunc(a.Names(), func(n string) bool {
		return n == evidence.FullName(v, p) || strings.HasPrefix(n, "kubernetes.default.")
	})
	away := v.AwayWithin(v.End(), dnsComesBack)
	switch {
	case len(lost) == 0 && (len(others) == 0 || elsewhere), !evidence.NothingElseQueried(v, p, f):
	case away != nil:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s queries only names that do not exist; but the API server was away until %.0f s before the end, and the servers of DNS may need %s to learn what has changed", p.Name, (v.End()-away.To).Seconds(), dnsComesBack)
	case len(lost) > 0:
		noPeer(v, p, lost, f)
	default:
		renamed(v, p, others, f)
	}
}

// noPeer fails a pod that queries only names of peers that do not exist.
func noPeer(v *view.View, p *view.Pod, lost []recording.Question, f *check.Finding) {
	q := lost[0]
	code, port, why := "no-such-name", "", ""
	if label, rest, is := strings.Cut(q.Name, "._tcp."); is && rest == evidence.FullName(v, p) {
		code, port = "no-such-port", strings.TrimPrefix(label, "_")
		why = fmt.Sprintf(": Service %s has no port with the name %s", v.Profile.Service, port)
	}
	f.Fail(code, fmt.Sprintf("%s queries %s, which does not exist, and no peer name that exists%s", p.Name, q.Name, why),
		"configure discovery with names of pods in namespace "+v.Header.Namespace+", below Service "+v.Profile.Service, tallies(lost)...)
	if s, there := v.Service(); there && port != "" {
		var ports []string
		for _, x := range s.Ports {
			ports = append(ports, fmt.Sprintf("%s %d", x.Name, x.Port))
		}
		f.Remedy = "name the distribution port of the Service " + port + ", or configure discovery with the port name that the Service has"
		f.Seen = append([]string{"ports of the Service: " + check.List(ports)}, f.Seen...)
	}
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahosts %s", v.Header.Namespace, p.Name, q.Name)
}

// otherService reports whether a name is that of a Service in the workload's own namespace, whichever it is. A name with more labels is that of
// a pod, or one that the search list made.
func otherService(name, below string) bool {
	rest, inside := strings.CutSuffix(name, "."+below)
	return inside && len(evidence.HostLabels(rest)) == 1
}

func tallies(all []recording.Question) []string {
	var lines []string
	for _, q := range all {
		lines = append(lines, evidence.Tally(q))
	}
	return lines
}

// renamed fails a pod that queries Services that do not exist, and not the one that selects the nodes.
func renamed(v *view.View, p *view.Pod, others []recording.Question, f *check.Finding) {
	f.Fail("no-such-service", fmt.Sprintf("%s queries %s, which does not exist, and not the Service that selects the nodes, %s in namespace %s", p.Name, others[0].Name, v.Profile.Service, v.Header.Namespace),
		"configure discovery with the name "+evidence.FullName(v, p), tallies(others)...)
	f.Try = fmt.Sprintf("kubectl -n %s get services", v.Header.Namespace)
}

// walked reports whether a resolver made the name by appending a domain of its search list to a name that already had one.
func walked(name string, search []string) bool {
	for _, s := range search {
		if before, is := strings.CutSuffix(name, "."+s); is && (strings.HasSuffix(before, "."+s) || slices.ContainsFunc(search, func(o string) bool { return strings.HasSuffix(before, "."+o) })) {
			return true
		}
	}
	return false
}
