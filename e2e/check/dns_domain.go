package check

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func dnsDomain() Check {
	return Check{
		ID: "dns/cluster-domain", Title: "looks for its peers in the cluster's own domain", Rung: DNS, Level: Required, Scenario: "formation",
		Why:    "The domain is cluster.local in most clusters, not in all. A name with another one does not exist, however well the Service is.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
		Causes: map[string][]string{"wrong-domain": NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []Finding {
			return eachAsking(v, func(p *view.Pod, a inquiries, f *Finding) {
				own := domain(p)
				if own == "" {
					f.Outcome, f.Message = Unseen, "the resolv.conf of "+p.Name+" was not seen"
					return
				}
				search := p.Resolver().Search
				for _, name := range a.names() {
					q := a.questions[name]
					_, other, ours := strings.Cut(name, v.Profile.Service+"."+v.Header.Namespace+".svc.")
					// A resolver that goes through the search list puts each of its domains behind a name that has one already.
					walked := slices.ContainsFunc(search, func(s string) bool { return other == s || strings.HasSuffix(other, "."+s) })
					if ours && !walked && q.RCodes["NXDOMAIN"] > 0 && fruitless(q) {
						f.fail("wrong-domain", fmt.Sprintf("%s asks for %s, which does not exist: the cluster's domain is %s, not %s", p.Name, name, own, other),
							"set the discovery's name to "+v.Profile.Service+"."+v.Header.Namespace+".svc."+own, tally(q), "resolv.conf: search "+strings.Join(search, " "))
						f.Try = fmt.Sprintf("kubectl -n %s exec %s -- cat /etc/resolv.conf", v.Header.Namespace, p.Name)
						return
					}
				}
			})
		},
	}
}
