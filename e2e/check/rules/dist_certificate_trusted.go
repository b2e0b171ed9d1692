package rules

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func distCertificateTrusted() check.Check {
	return check.Check{
		ID: "dist/certificate-trusted", Title: "shows certificates that are in force, signed by its authority, and made for both ends", Rung: check.Dist, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindCertificate},
		Why:    "Links that are there hold on when a certificate ends; none is made any more. The next pod that is replaced, or the next moment without network, is the end of the cluster. A node is client and server, and some authorities sign for servers only.",
		Source: "https://www.erlang.org/doc/apps/ssl/ssl_distribution.html",
		Causes: check.Alike(check.NeedsMesh("dist/certificate-names-host", "handshake/*"), slices.Collect(maps.Keys(renewals))...),
		Judge: func(v *view.View) []check.Finding {
			pods := check.Members(v)
			of, by := evidence.Unverified(pods, func(p *view.Pod) bool {
				for _, e := range p.Certificates {
					if code, _ := distrust(e.Certificate, v.Header.Start.Add(e.T)); code != "" {
						return true
					}
				}
				return false
			})
			return evidence.EachCertificate(v, func(p *view.Pod, own *x509.Certificate, c *recording.Certificate, f *check.Finding) {
				code, why := distrust(c, v.Header.Start.Add(f.At))
				switch {
				case len(c.Roots) == 0:
					f.Outcome, f.Message = check.Unseen, "which authority "+p.Name+" has to be signed by is not known"
				case code != "" && of != "":
					f.Message = fmt.Sprintf("%s shows a certificate that should not be trusted (%s), and it is: %s has connected to %s all the same (verify_none)", p.Name, why, by, of)
				case code != "":
					f.Fail(code, fmt.Sprintf("%s shows a certificate that its peers must not trust: %s", p.Name, why), renewals[code],
						"subject "+own.Subject.String()+", issuer "+own.Issuer.String(), fmt.Sprintf("in force from %s to %s", own.NotBefore.Format(time.RFC3339), own.NotAfter.Format(time.RFC3339)))
				}
			})
		},
	}
}

// renewals are what helps, by what is wrong with a certificate.
var renewals = map[string]string{
	"ended":     "renew it; nodes read the files again by themselves (ssl_pem_cache_clean, 2 minutes), and use what is there for their next link",
	"not-begun": "see whose clock is wrong: the node's, or that of who signed it",
	"untrusted": "give all nodes certificates of one authority, and that authority as cacertfile",
	"one-sided": "let the authority sign for both extended key usages, serverAuth and clientAuth",
}

// distrust is why a peer that looks would not trust what a node shows, "" where it would: as a server and as a client.
func distrust(c *recording.Certificate, at time.Time) (code, why string) {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for _, der := range c.Roots {
		if root, err := x509.ParseCertificate(der); err == nil {
			roots.AddCert(root)
		}
	}
	var own *x509.Certificate
	for i, der := range c.Chain {
		one, err := x509.ParseCertificate(der)
		switch {
		case err != nil:
			return "", ""
		case i == 0:
			own = one
		default:
			others.AddCert(one)
		}
	}
	if own == nil {
		return "", ""
	}
	for _, use := range []struct {
		key x509.ExtKeyUsage
		as  string
	}{{x509.ExtKeyUsageServerAuth, "server"}, {x509.ExtKeyUsageClientAuth, "client"}} {
		_, err := own.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use.key}})
		var invalid x509.CertificateInvalidError
		switch {
		case err == nil:
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired && at.Before(own.NotBefore):
			return "not-begun", "it begins at " + own.NotBefore.Format(time.RFC3339)
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
			return "ended", "it ended at " + own.NotAfter.Format(time.RFC3339)
		case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
			return "one-sided", "it is not made for the part of a " + use.as
		default:
			return "untrusted", err.Error()
		}
	}
	return "", ""
}
