package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func dnsNameAskedInFull() check.Check {
	return check.Check{
		ID: "dns/name-asked-in-full", Title: "asks DNS for its Service by the whole name", Rung: check.DNS, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindResolver, recording.KindAsked},
		Why:    "inet_res:lookup does not go through the search list of resolv.conf: it asks for a short name as it is, gets nothing, and says so to nobody.",
		Source: "https://github.com/phoenixframework/dns_cluster/issues/10",
		Causes: map[string][]string{"short-name": check.NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachAsking(v, func(p *view.Pod, a evidence.Lookups, f *check.Finding) {
				full := evidence.FullName(v, p)
				if full == "" {
					f.Outcome, f.Message = check.Unseen, "the resolv.conf of "+p.Name+" was not seen"
					return
				}
				// A resolver that goes through the search list comes to the whole name in the end.
				if _, is := a.Questions[full]; is {
					return
				}
				for _, name := range a.Names() {
					if q := a.Questions[name]; strings.HasPrefix(full, name+".") && evidence.NoRecord(q) {
						f.Fail("short-name", fmt.Sprintf("%s asks for %s as it is and gets nothing; the Service's whole name is %s", p.Name, name, full),
							"have the discovery ask for "+full+", or use inet_res:getbyname, which goes through the search list", evidence.Tally(q))
						f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahostsv4 %s", v.Header.Namespace, p.Name, full)
						return
					}
				}
			})
		},
	}
}
