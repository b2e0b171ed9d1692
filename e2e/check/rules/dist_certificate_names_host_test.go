package rules_test

import (
	"crypto/x509"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDistCertificateNamesHost(t *testing.T) {
	service := pod2Shows(func(c *x509.Certificate) *signer {
		c.DNSNames = []string{rt.Service + "." + rt.Namespace + ".svc.cluster.local"}
		return authority()
	})
	naming := func(names ...string) func(s *rt.Recording) {
		return overTLS(func(_ int, c *x509.Certificate) *signer {
			c.DNSNames = names
			return authority()
		}, 0, 1, 2)
	}
	try(t, "dist/certificate-names-host", []trial{
		{"none", unchanged, noTLS()},
		{"all", overTLS(nil, 0, 1, 2), podsPass()},
		{"it was not seen", certificatesNotSeen(), tlsNotSpoken()},
		{"it cannot be read", all(overTLS(nil, 0, 1, 2), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Certificate != nil && e.Certificate.Pod == rt.UID(2) }, func(e *recording.Event) { e.Certificate.Chain = [][]byte{{1, 2}} })
		}), []want{{pod(2), check.Unseen, "", []string{"cannot be parsed"}}}},
		{"nothing was shown", all(overTLS(nil, 0, 1, 2), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Certificate != nil && e.Certificate.Pod == rt.UID(2) }, func(e *recording.Event) { e.Certificate.Chain = nil })
		}), []want{{pod(2), check.Unseen, "", []string{"cannot be parsed: the chain is empty"}}}},
		{"it names the Service", all(service, lonely), pod2Fails("host-not-named", host(2), "DNS names in the certificate: "+rt.Service+"."+rt.Namespace+".svc", "subject alternative names include "+host(2))},
		{"it names nobody", all(naming(), lonely), []want{{"pod *", check.Fail, "host-not-named", []string{"has no DNS name"}}}},
		{"it names the Service, and the pod dials", service, pod2Fails("host-not-named")},
		{"a wildcard, and no link", all(naming("*."+rt.Service+"."+rt.Namespace+".svc.cluster.local"), lonely), []want{{"pod *", check.Fail, "wildcard-only", []string{"customize_hostname_check"}}}},
		{"a wildcard, and links", naming("*." + rt.Service + "." + rt.Namespace + ".svc.cluster.local"), podsPass()},
		{"in capitals", naming(host(0), host(1), "DERL"+host(2)[4:]), podsPass()},
		{"the node's name was not heard", all(overTLS(nil, 0, 1, 2), unheard(2)), []want{{pod(2), check.Unseen, "", []string{"is not known"}}}},
	})
}
