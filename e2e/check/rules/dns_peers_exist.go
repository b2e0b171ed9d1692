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
		ID: "dns/peers-exist", Title: "asks DNS for peers that exist", Rung: check.DNS, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindResolver, recording.KindAsked},
		Why:    "Whoever asks for names that nobody has finds nobody, and mostly says nothing: pods of another namespace in a list, a Service that a chart's release or a prefix of kustomize's has renamed, a port that it does not name. The record _PORT._tcp.SERVICE is there for the Service's port of that name only.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#srv-records",
		Causes: check.Alike(check.NeedsMesh("dns/*", "discovery/*"), "no-such-name", "no-such-port", "no-such-service"),
		Judge: func(v *view.View) []check.Finding {
			pods, ready, hosts := check.Members(v), false, map[string]bool{}
			for _, p := range pods {
				ready = ready || p.Ready(v.End())
				hosts[p.Name] = true
			}
			if len(pods) > 0 && !ready {
				return []check.Finding{{Subject: check.OnWorkload(v), Of: check.Everything(v), Outcome: check.Unseen, Message: "no pod is Ready: whose name should there be"}}
			}
			return evidence.EachAsking(v, func(p *view.Pod, a evidence.Lookups, f *check.Finding) { peersExist(v, p, hosts, a, f) })
		},
	}
}

// peersExist looks at the names that are meant for peers: they have the Service's name in them, or begin with a pod's. One that
// exists is enough, since lists may be longer than a workload is. Where the mesh is full nobody asks: something else finds the peers.
func peersExist(v *view.View, p *view.Pod, hosts map[string]bool, a evidence.Lookups, f *check.Finding) {
	own := evidence.Domain(p)
	if own == "" {
		f.Outcome, f.Message = check.Unseen, "the resolv.conf of "+p.Name+" was not seen"
		return
	}
	if v.Mesh(v.End()).Full {
		return
	}
	var lost, others []recording.Question
	for _, name := range a.Names() {
		q := a.Questions[name]
		labels := strings.Split(name, ".")
		meant := slices.Contains(labels, v.Profile.Service) || hosts[labels[0]]
		switch {
		case !meant && otherService(name, v.Header.Namespace+".svc."+own) && q.RCodes["NXDOMAIN"] > 0 && evidence.NoRecord(q):
			others = append(others, q)
		case name == evidence.FullName(v, p) && evidence.NoRecord(q): // it had no address while none of its pods was Ready
		case !meant, !strings.HasSuffix(name, ".svc."+own), walked(name, p.Resolver().Search), name == strings.ToLower(evidence.HostOf(p)):
		case !evidence.NoRecord(q):
			return
		default:
			lost = append(lost, q)
		}
	}
	// Whether anything else was asked for that could lead to its peers: the Service itself, the API.
	elsewhere := slices.ContainsFunc(a.Names(), func(n string) bool {
		return n == evidence.FullName(v, p) || strings.HasPrefix(n, "kubernetes.default.")
	})
	switch {
	case len(lost) > 0:
		nobody(v, p, lost, f)
	case len(others) > 0 && !elsewhere:
		renamed(v, p, others, f)
	}
}

// nobody fails a pod that asks for names of peers that are not there.
func nobody(v *view.View, p *view.Pod, lost []recording.Question, f *check.Finding) {
	q := lost[0]
	code, port, why := "no-such-name", "", ""
	if label, rest, is := strings.Cut(q.Name, "._tcp."); is && rest == evidence.FullName(v, p) {
		code, port = "no-such-port", strings.TrimPrefix(label, "_")
		why = fmt.Sprintf(": Service %s has no port that is called %s", v.Profile.Service, port)
	}
	f.Fail(code, fmt.Sprintf("%s asks for %s, which does not exist, and for nothing that does%s", p.Name, q.Name, why),
		"let the discovery ask for names that pods of namespace "+v.Header.Namespace+" have under Service "+v.Profile.Service, tallies(lost)...)
	if s, there := v.Service(); there && port != "" {
		var ports []string
		for _, x := range s.Ports {
			ports = append(ports, fmt.Sprintf("%s %d", x.Name, x.Port))
		}
		f.Remedy = "call the Service's distribution port " + port + ", or let the discovery ask for the name that it has"
		f.Seen = append([]string{"its ports: " + check.List(ports)}, f.Seen...)
	}
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahosts %s", v.Header.Namespace, p.Name, q.Name)
}

// otherService reports whether a name is that of a Service in the workload's own namespace, whichever it is. More labels are a pod's
// name, or another name on its way through the search list.
func otherService(name, below string) bool {
	rest, inside := strings.CutSuffix(name, "."+below)
	return inside && len(evidence.HostLabels(rest)) == 1
}

func tallies(all []recording.Question) []string {
	var told []string
	for _, q := range all {
		told = append(told, evidence.Tally(q))
	}
	return told
}

// renamed fails a pod that asks for Services that are not there, and not for the one that selects the nodes.
func renamed(v *view.View, p *view.Pod, others []recording.Question, f *check.Finding) {
	f.Fail("no-such-service", fmt.Sprintf("%s asks for %s, which does not exist, and not for the Service that selects the nodes, %s in namespace %s", p.Name, others[0].Name, v.Profile.Service, v.Header.Namespace),
		"have the discovery ask for "+evidence.FullName(v, p), tallies(others)...)
	f.Try = fmt.Sprintf("kubectl -n %s get services", v.Header.Namespace)
}

// walked reports whether a name is one that a resolver made by putting a domain of its search list behind one that had it already.
func walked(name string, search []string) bool {
	for _, s := range search {
		if before, is := strings.CutSuffix(name, "."+s); is && (strings.HasSuffix(before, "."+s) || slices.ContainsFunc(search, func(o string) bool { return strings.HasSuffix(before, "."+o) })) {
			return true
		}
	}
	return false
}
