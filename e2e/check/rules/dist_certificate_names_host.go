package rules

import (
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func distCertificateNamesHost() check.Check {
	return check.Check{
		ID: "dist/certificate-names-host", Title: "presents a certificate that contains the host of the node name", Rung: check.Dist, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindCertificate},
		Why:    "The node that dials NAME@HOST searches for HOST among the DNS names of the certificate (verify_peer, the default since OTP 26). A certificate for the Service's name, or with a wildcard, does not match the name of a pod.",
		Source: "https://www.erlang.org/doc/apps/public_key/public_key.html#pkix_verify_hostname/3",
		Causes: check.Alike(check.NeedsMesh(), "host-not-named", "wildcard-only"),
		Judge: func(v *view.View) []check.Finding {
			of, by := evidence.Unverified(check.Members(v), func(p *view.Pod) bool {
				own, _, _ := evidence.PresentedCertificate(p)
				return own != nil && evidence.HostOf(p) != "" && !namesHost(own, evidence.HostOf(p))
			})
			return evidence.EachCertificate(v, func(p *view.Pod, own *x509.Certificate, _ *recording.Certificate, f *check.Finding) {
				host := evidence.HostOf(p)
				switch {
				case host == "":
					f.Outcome, f.Message = check.Unseen, "the node name of "+p.Name+" is not known"
				case namesHost(own, host):
				case of != "":
					f.Message = fmt.Sprintf("the certificate of %s does not contain %s, but peers accept it anyway: %s has connected to %s, whose certificate does not contain its host either", p.Name, host, by, of)
				case own.VerifyHostname(host) == nil:
					f.Fail("wildcard-only", fmt.Sprintf("the certificate of %s matches its host only by a wildcard, which a peer that dials %s does not accept", p.Name, host),
						"add {customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]} to the client options in the ssl_dist_optfile, or issue a certificate with the DNS name "+host)
				default:
					f.Fail("host-not-named", fmt.Sprintf("the certificate of %s does not contain its host: a peer that dials %s rejects it", p.Name, host), "issue a certificate whose subject alternative names include "+host)
				}
				if f.Outcome == check.Fail {
					f.Seen = []string{"DNS names in the certificate: " + check.List(own.DNSNames)}
					if len(own.DNSNames) == 0 {
						f.Seen = []string{"the certificate has no DNS name (subject alternative name)"}
					}
				}
			})
		},
	}
}

// namesHost reports whether the certificate contains the host literally, or its address.
func namesHost(c *x509.Certificate, host string) bool {
	if ip := net.ParseIP(host); ip != nil && slices.ContainsFunc(c.IPAddresses, ip.Equal) {
		return true
	}
	return slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, host) })
}
