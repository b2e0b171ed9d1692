package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/view"
)

func dnsFullName() Check {
	return Check{
		ID: "dns/name-asked-in-full", Title: "asks DNS for its Service by the whole name", Rung: DNS, Level: Latent, Scenario: "formation",
		Why:    "inet_res:lookup does not go through the search list of resolv.conf: it asks for a short name as it is, gets nothing, and says so to nobody.",
		Source: "https://github.com/phoenixframework/dns_cluster/issues/10",
		Causes: map[string][]string{"short-name": NeedsMesh("dns/*", "discovery/*")},
		Judge: func(v *view.View) []Finding {
			return eachAsking(v, func(p *view.Pod, a inquiries, f *Finding) {
				full := fullName(v, p)
				if full == "" {
					f.Outcome, f.Message = Unseen, "the resolv.conf of "+p.Name+" was not seen"
					return
				}
				// A resolver that goes through the search list comes to the whole name in the end.
				if _, is := a.questions[full]; is {
					return
				}
				for _, name := range a.names() {
					if q := a.questions[name]; strings.HasPrefix(full, name+".") && fruitless(q) {
						f.fail("short-name", fmt.Sprintf("%s asks for %s as it is and gets nothing; the Service's whole name is %s", p.Name, name, full),
							"have the discovery ask for "+full+", or use inet_res:getbyname, which goes through the search list", tally(q))
						f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahostsv4 %s", v.Header.Namespace, p.Name, full)
						return
					}
				}
			})
		},
	}
}
