package rules

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func dnsClusterDomain() check.Check {
	return check.Check{
		ID: "dns/cluster-domain", Title: "queries names in the cluster's own domain", Rung: check.DNS, Level: check.Required, Scenario: "formation",
		Reads:  []recording.Kind{recording.KindPod, recording.KindResolver, recording.KindAsked},
		Why:    "The domain is cluster.local in most clusters, not in all. A name with another domain does not exist, even if the Service is correct.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
		Causes: map[string][]string{"wrong-domain": check.NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []check.Finding {
			return evidence.EachQuerying(v, func(p *view.Pod, a evidence.Lookups, f *check.Finding) {
				own := evidence.Domain(p)
				if own == "" {
					f.Outcome, f.Message = check.Unseen, "the resolv.conf of "+p.Name+" could not be read"
					return
				}
				search := p.Resolver().Search
				for _, name := range a.Names() {
					q := a.Questions[name]
					_, other, ours := strings.Cut(name, v.Profile.Service+"."+v.Header.Namespace+".svc.")
					// A resolver that uses the search list also appends its domains to names that already have one.
					walked := slices.ContainsFunc(search, func(s string) bool { return other == s || strings.HasSuffix(other, "."+s) })
					if ours && !walked && q.RCodes["NXDOMAIN"] > 0 && evidence.NoRecord(q) {
						f.Fail("wrong-domain", fmt.Sprintf("%s queries %s, which does not exist: the cluster's domain is %s, not %s", p.Name, name, own, other),
							"configure discovery with the name "+v.Profile.Service+"."+v.Header.Namespace+".svc."+own, evidence.Tally(q), "resolv.conf: search "+strings.Join(search, " "))
						f.Try = fmt.Sprintf("kubectl -n %s exec %s -- cat /etc/resolv.conf", v.Header.Namespace, p.Name)
						return
					}
				}
				if _, is := a.Questions[evidence.FullName(v, p)]; !is {
					evidence.NothingElseQueried(v, p, f)
				}
			})
		},
	}
}
