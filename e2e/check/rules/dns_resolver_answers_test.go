package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDNSResolverAnswers(t *testing.T) {
	resolver := func(o recording.Outcome, rcode string) func(s *rt.Recording) {
		return func(s *rt.Recording) {
			s.Change(isDNS(1, 0), func(e *recording.Event) {
				e.DNS.Outcome, e.DNS.RCode, e.DNS.Addrs, e.DNS.Detail = o, rcode, nil, "what was seen"
			})
		}
	}
	try(t, "dns/resolver-answers", []trial{
		{"dropped", resolver(recording.Timeout, ""), pod1Fails("filtered", "10.96.0.10", "dropped", "what was seen", "search "+rt.Namespace+".svc.cluster.local")},
		{"refused", resolver(recording.Refused, ""), pod1Fails("refused", "nothing listens", "k8s-app=kube-dns")},
		{"rejected", resolver(recording.Rejected, ""), pod1Fails("unreachable", "rejected")},
		{"SERVFAIL", resolver(recording.OK, "SERVFAIL"), pod1Fails("servfail", "SERVFAIL", "getent")},
		{"REFUSED", resolver(recording.OK, "REFUSED"), pod1Fails("declined", "gets REFUSED", "dnsPolicy")},
		{"NXDOMAIN is an answer", resolver(recording.OK, "NXDOMAIN"), nil},
		{"not asked", func(s *rt.Recording) { s.Drop(isDNS(1, 0)) }, []want{{pod(1), check.Unseen, "", []string{"no DNS query"}}}},
		{"our own errors only", resolver(recording.ProbeError, ""), []want{{pod(1), check.Unseen, "", nil}}},
		{"no Service", func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Service = "" }) }, []want{{"service (none)", check.NotApplicable, "", nil}}},
	})
}
