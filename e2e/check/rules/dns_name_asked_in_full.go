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
		ID: "dns/name-asked-in-full", Title: "queries its Service by the fully qualified name", Rung: check.DNS, Level: check.Latent, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindResolver, recording.KindAsked},
		Why:    "inet_res:lookup does not use the search list of resolv.conf: it queries a short name as it is, gets no record, and reports no error.",
		Source: "https://github.com/phoenixframework/dns_cluster/issues/10",
		Causes: map[string][]string{"short-name": check.NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachQuerying(v, func(p *view.Pod, a evidence.Lookups, f *check.Finding) {
				full := evidence.FullName(v, p)
				if full == "" {
					f.Outcome, f.Message = check.Unseen, "the resolv.conf of "+p.Name+" could not be read"
					return
				}
				// A resolver that uses the search list queries the fully qualified name in the end.
				if _, is := a.Questions[full]; is {
					return
				}
				for _, name := range a.Names() {
					if q := a.Questions[name]; strings.HasPrefix(full, name+".") && evidence.NoRecord(q) {
						f.Fail("short-name", fmt.Sprintf("%s queries the short name %s and gets no address; the fully qualified name of the Service is %s", p.Name, name, full),
							"configure discovery with the name "+full+", or use inet_res:getbyname, which uses the search list", evidence.Tally(q))
						f.Try = evidence.ShowAddresses(v, p, full)
						return
					}
				}
				evidence.NothingElseQueried(v, p, f)
			})
		},
	}
}
