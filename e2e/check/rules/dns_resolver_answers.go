package rules

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func dnsResolverAnswers() check.Check {
	return check.Check{
		ID: "dns/resolver-answers", Title: "gets answers from the DNS resolver in every pod", Rung: check.DNS, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindDNS},
		Why:    "A node queries the DNS server in its pod's resolv.conf. If it cannot be reached, discovery finds no peer, and each query may block net_kernel for seconds.",
		Source: "https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/",
		Causes: check.Alike(check.NeedsMesh("dns/*", "discovery/*"), "filtered", "refused", "unreachable", "servfail", "declined"),
		Judge: func(v *view.View) []check.Finding {
			if v.Profile.Service == "" {
				return []check.Finding{{Subject: check.OnService(v), Outcome: check.NotApplicable, Message: "the workload has no Service whose name could be queried"}}
			}
			from, to := check.Settled(v)
			return check.EachPod(v, func(p *view.Pod) check.Finding { return answers(v, p, from, to) })
		},
	}
}

// answers judges whether p's resolver answers at all, whatever the answer is.
func answers(v *view.View, p *view.Pod, from, to time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Of: check.Images(v), Outcome: check.Pass}
	e := evidence.DecidingAnswer(p, from, to, &f)
	if e == nil {
		return f
	}
	a := e.DNS
	f.At = e.T
	seen := []string{fmt.Sprintf("%s %s from %s at %s: %s %s%s", a.Name, a.Type, p.Name, a.Server, a.Outcome, a.RCode, a.Detail)}
	if r := p.Resolver(); r != nil {
		seen = append(seen, fmt.Sprintf("resolv.conf: servers %s, search %s", check.List(r.Servers), check.List(r.Search)))
	}
	const open = "allow egress from the pod to the cluster's DNS on UDP and TCP port 53 (egress rules of its NetworkPolicies)"
	switch {
	case a.Outcome == recording.Timeout || a.Outcome == recording.Silent:
		f.Fail("filtered", fmt.Sprintf("%s gets no answer from its resolver %s: the queries or the answers are dropped on the way", p.Name, a.Server), open, seen...)
	case a.Outcome == recording.Refused:
		f.Fail("refused", fmt.Sprintf("the resolver %s of %s refuses the connection: nothing listens on port 53 there", a.Server, p.Name), "check that CoreDNS runs and that the Service kube-dns has endpoints", seen...)
	case a.Outcome != recording.OK:
		f.Fail("unreachable", fmt.Sprintf("%s cannot reach its resolver %s: %s", p.Name, a.Server, a.Outcome), open, seen...)
	case a.RCode == "SERVFAIL":
		f.Fail("servfail", fmt.Sprintf("%s queries %s for %s and gets SERVFAIL", p.Name, a.Server, a.Name), "read in the log of CoreDNS why it cannot answer for this name", seen...)
	case a.RCode != "NOERROR" && a.RCode != "NXDOMAIN":
		f.Fail("declined", fmt.Sprintf("%s queries %s for %s and gets %s", p.Name, a.Server, a.Name, a.RCode), "check that the pod uses the cluster's DNS (dnsPolicy), and that the Corefile of CoreDNS serves this name", seen...)
	}
	if f.Outcome == check.Fail {
		f.Try = evidence.ShowAddresses(v, p, a.Name)
		if f.Code != "servfail" && f.Code != "declined" {
			f.Try = "kubectl -n kube-system get pods,endpointslices -l k8s-app=kube-dns"
		}
	}
	return f
}
