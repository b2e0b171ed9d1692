package rules_test

import (
	"crypto/x509"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestDistCertificateTrusted(t *testing.T) {
	ended := pod2Shows(func(c *x509.Certificate) *signer {
		c.NotAfter = rt.Start().Add(-time.Second)
		return authority()
	})
	try(t, "dist/certificate-trusted", []trial{
		{"none", unchanged, noTLS()},
		{"all", overTLS(nil, 0, 1, 2), podsPass()},
		{"one speaks plainly", overTLS(nil, 0, 1), []want{{pod(2), check.NotApplicable, "", []string{"without TLS"}}, {"pod *", check.Pass, "", nil}}},
		{"it was not seen", certificatesNotSeen(), tlsNotSpoken()},
		{"it has ended", all(ended, lonely), pod2Fails("ended", rt.Name(2), "it expired at 2026-01-02T03:04:04Z")},
		{"it has not begun", all(pod2Shows(func(c *x509.Certificate) *signer {
			c.NotBefore = rt.Start().Add(30 * time.Second)
			return authority()
		}), lonely), pod2Fails("not-begun", rt.Name(2), "it is valid only from 2026-01-02T03:04:35Z")},
		{"another authority", all(pod2Shows(func(*x509.Certificate) *signer { return stranger() }), lonely), pod2Fails("untrusted", rt.Name(2), "unknown authority", "issuer CN=authority")},
		{"for servers only", all(pod2Shows(func(c *x509.Certificate) *signer {
			c.ExtKeyUsage = c.ExtKeyUsage[:1]
			return authority()
		}), lonely), pod2Fails("one-sided", "not be used as a client")},
		{"for clients only", all(pod2Shows(func(c *x509.Certificate) *signer {
			c.ExtKeyUsage = c.ExtKeyUsage[1:]
			return authority()
		}), lonely), pod2Fails("one-sided", "not be used as a server")},
		// The pod of the highest number dials all others: nobody was seen to take its certificate.
		{"it has ended, and dials", ended, pod2Fails("ended")},
		{"it has ended, and nobody minds", overTLS(func(i int, c *x509.Certificate) *signer {
			if i == 0 {
				c.NotAfter = rt.Start()
			}
			return authority()
		}, 0, 1, 2), []want{{pod(0), check.Pass, "", []string{"verify_none", rt.Name(1) + " has connected to " + rt.Name(0)}}}},
		{"no authority is known", all(overTLS(nil, 0, 1, 2), func(s *rt.Recording) {
			s.Change(func(e recording.Event) bool { return e.Certificate != nil }, func(e *recording.Event) { e.Certificate.Roots = nil })
		}), []want{{"pod *", check.Unseen, "", nil}}},
	})
}
