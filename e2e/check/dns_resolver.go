package check

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func dnsResolver() Check {
	return Check{
		ID: "dns/resolver-answers", Title: "gets answers from the resolver of every pod", Rung: DNS, Level: Required, Scenario: "formation",
		Why:    "A node asks the server in its pod's resolv.conf. Where that one is out of reach, discovery finds nobody, and each question may stop net_kernel for seconds.",
		Source: "https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/",
		Causes: Alike(NeedsMesh("dns/*", "discovery/*"), "filtered", "refused", "unreachable", "servfail", "declined"),
		Judge: func(v *view.View) []Finding {
			if v.Profile.Service == "" {
				return []Finding{{Subject: onService(v), Outcome: NotApplicable, Message: "there is no Service whose name could be asked for"}}
			}
			from, to := settled(v)
			return eachMember(v, func(p *view.Pod) Finding { return answers(v, p, from, to) })
		},
	}
}

// answers judges whether p's resolver has anything to say, whatever that is.
func answers(v *view.View, p *view.Pod, from, to time.Duration) Finding {
	f := Finding{Subject: onPod(p), Of: images(v), Outcome: Pass}
	e := answer(p, from, to, &f)
	if e == nil {
		return f
	}
	a := e.DNS
	f.At = e.T
	seen := []string{fmt.Sprintf("%s %s from %s at %s: %s %s%s", a.Name, a.Type, p.Name, a.Server, a.Outcome, a.RCode, a.Detail)}
	if r := p.Resolver(); r != nil {
		seen = append(seen, fmt.Sprintf("resolv.conf: servers %s, search %s", list(r.Servers), list(r.Search)))
	}
	const open = "open UDP and TCP port 53 to the cluster's DNS for the pod (egress of its NetworkPolicies)"
	switch {
	case a.Outcome == recording.Timeout || a.Outcome == recording.Silent:
		f.fail("filtered", fmt.Sprintf("%s gets no answer from its resolver %s: its questions, or the answers, are dropped on the way", p.Name, a.Server), open, seen...)
	case a.Outcome == recording.Refused:
		f.fail("refused", fmt.Sprintf("the resolver %s of %s refuses its questions: nothing listens on port 53 there", a.Server, p.Name), "see that CoreDNS runs and that the Service kube-dns has endpoints", seen...)
	case a.Outcome != recording.OK:
		f.fail("unreachable", fmt.Sprintf("%s does not reach its resolver %s: %s", p.Name, a.Server, a.Outcome), open, seen...)
	case a.RCode == "SERVFAIL":
		f.fail("servfail", fmt.Sprintf("%s asks %s for %s and gets SERVFAIL", p.Name, a.Server, a.Name), "see in CoreDNS's log why it cannot answer for this name", seen...)
	case a.RCode != "NOERROR" && a.RCode != "NXDOMAIN":
		f.fail("declined", fmt.Sprintf("%s asks %s for %s and gets %s", p.Name, a.Server, a.Name, a.RCode), "see that the pod asks the cluster's DNS (dnsPolicy), and in CoreDNS's Corefile that it serves this name", seen...)
	}
	if f.Outcome == Fail {
		f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahostsv4 %s", v.Header.Namespace, p.Name, a.Name)
		if f.Code != "servfail" && f.Code != "declined" {
			f.Try = "kubectl -n kube-system get pods,endpointslices -l k8s-app=kube-dns"
		}
	}
	return f
}

// answer is the one that decides among those that p got in the window; without one f says so.
func answer(p *view.Pod, from, to time.Duration, f *Finding) *recording.Event {
	e := conclude(view.Between(p.DNS, from, to), func(e recording.Event) (recording.Outcome, bool) { return e.DNS.Outcome, true })
	if e == nil {
		f.Outcome, f.Message = Unseen, fmt.Sprintf("no question was asked from %s between %.1f s and %.1f s", p.Name, from.Seconds(), to.Seconds())
	}
	return e
}
