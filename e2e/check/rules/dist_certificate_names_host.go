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
		Why:    "The node that dials NAME@HOST asks for HOST among the certificate's DNS names (verify_peer, the default since OTP 26). One that names the Service, or has a wildcard, is no match for a pod's own name.",
		Source: "https://www.erlang.org/doc/apps/public_key/public_key.html#pkix_verify_hostname/3",
		Causes: check.Alike(check.NeedsMesh(), "host-not-named", "wildcard-only"),
		Judge: func(v *view.View) []check.Finding {
			of, by := evidence.Unverified(check.Members(v), func(p *view.Pod) bool {
				own, _, _ := evidence.ShownCertificate(p)
				return own != nil && evidence.HostOf(p) != "" && !namesHost(own, evidence.HostOf(p))
			})
			return evidence.EachCertificate(v, func(p *view.Pod, own *x509.Certificate, _ *recording.Certificate, f *check.Finding) {
				host := evidence.HostOf(p)
				switch {
				case host == "":
					f.Outcome, f.Message = check.Unseen, "the name of the node of "+p.Name+" was not heard"
				case namesHost(own, host):
				case of != "":
					f.Message = fmt.Sprintf("the certificate of %s does not name %s, and nobody minds: %s has connected to %s, whose host it does not name either", p.Name, host, by, of)
				case own.VerifyHostname(host) == nil:
					f.Fail("wildcard-only", fmt.Sprintf("the certificate of %s names its host by a wildcard only, which a peer that dials %s does not take for the name", p.Name, host),
						"{customize_hostname_check, [{match_fun, public_key:pkix_verify_hostname_match_fun(https)}]} among the client's options of the optfile, or a certificate with "+host)
				default:
					f.Fail("host-not-named", fmt.Sprintf("the certificate of %s does not name its host: a peer that dials %s finds a stranger there", p.Name, host), "make the certificate for "+host+", too")
				}
				if f.Outcome == check.Fail {
					f.Seen = []string{"it names " + check.List(own.DNSNames)}
					if len(own.DNSNames) == 0 {
						f.Seen = []string{"it names no host (subject alternative name)"}
					}
				}
			})
		},
	}
}

// namesHost reports whether the certificate names the host, letter by letter, or its address.
func namesHost(c *x509.Certificate, host string) bool {
	if ip := net.ParseIP(host); ip != nil && slices.ContainsFunc(c.IPAddresses, ip.Equal) {
		return true
	}
	return slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, host) })
}
