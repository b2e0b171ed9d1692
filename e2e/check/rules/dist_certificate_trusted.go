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
		ID: "dist/certificate-trusted", Title: "presents certificates that are valid, trusted, and usable as client and server", Rung: check.Dist, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindCertificate},
		Why:    "When a certificate expires, existing links stay, but no new link can be made: the next replaced pod or network failure breaks the cluster. A node is client and server, and some certificate authorities sign for servers only.",
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
					f.Outcome, f.Message = check.Unseen, "the certificate authority that has to sign the certificate of "+p.Name+" is not known"
				case code != "" && of != "":
					f.Message = fmt.Sprintf("%s presents a certificate that is not valid (%s), but peers accept it anyway: %s has connected to %s (verify_none)", p.Name, why, by, of)
				case code != "":
					f.Fail(code, fmt.Sprintf("%s presents a certificate that its peers must reject: %s", p.Name, why), renewals[code],
						"subject "+own.Subject.String()+", issuer "+own.Issuer.String(), fmt.Sprintf("valid from %s to %s", own.NotBefore.Format(time.RFC3339), own.NotAfter.Format(time.RFC3339)))
				}
			})
		},
	}
}

// renewals are the remedies, by what is wrong with a certificate.
var renewals = map[string]string{
	"ended":     "renew the certificate; nodes read the files again within 2 minutes (ssl_pem_cache_clean) and use them for the next link",
	"not-begun": "check the clock of the node and the clock of the machine that signed the certificate",
	"untrusted": "give all nodes certificates of the same certificate authority (CA), and the certificate of this CA as cacertfile",
	"one-sided": "issue the certificate with both extended key usages, serverAuth and clientAuth",
}

// distrust is why a peer that verifies the certificate would reject it, as that of a server or of a client, "" if it would not.
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
		key  x509.ExtKeyUsage
		role string
	}{{x509.ExtKeyUsageServerAuth, "server"}, {x509.ExtKeyUsageClientAuth, "client"}} {
		_, err := own.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{use.key}})
		var invalid x509.CertificateInvalidError
		switch {
		case err == nil:
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired && at.Before(own.NotBefore):
			return "not-begun", "it is valid only from " + own.NotBefore.Format(time.RFC3339)
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
			return "ended", "it expired at " + own.NotAfter.Format(time.RFC3339)
		case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
			return "one-sided", "it may not be used as a " + use.role + " (extended key usage)"
		default:
			return "untrusted", err.Error()
		}
	}
	return "", ""
}
