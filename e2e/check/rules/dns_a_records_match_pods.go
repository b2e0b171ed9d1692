package rules

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func dnsARecordsMatchPods() check.Check {
	return check.Check{
		ID: "dns/a-records-match-pods", Title: "publishes exactly its ready pods as A records, as seen from every pod", Rung: check.DNS, Level: check.Required, Scenario: "formation", Settles: true,
		Reads:  []recording.Kind{recording.KindPod, recording.KindDNS},
		Why:    "Discovery connects to the addresses that DNS returns: a missing address is a peer that is never found, a foreign address is a connection to another application.",
		Source: "https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#a-aaaa-records",
		Causes: check.Alike(check.NeedsMesh(), "dns-nxdomain", "dns-empty", "dns-missing", "dns-foreign"),
		Judge: func(v *view.View) []check.Finding {
			if v.Profile.Service == "" {
				return []check.Finding{{Subject: check.OnService(v), Outcome: check.NotApplicable, Message: "the workload has no Service whose name could be queried"}}
			}
			var all []check.Finding
			from, to := check.Settled(v)
			at := addressBook(v)
			for _, p := range check.Members(v) {
				all = append(all, resolves(v, p, at, from, to))
			}
			if len(all) == 0 {
				return check.NothingSeen(v, "there was no pod to query from")
			}
			return all
		},
	}
}

// resolves judges the last answer that p got in the window. Earlier answers may lag behind the pods.
func resolves(v *view.View, p *view.Pod, at func(sample recording.Event) map[string]claim, from, to time.Duration) check.Finding {
	f := check.Finding{Subject: check.OnPod(p), Of: []check.Subject{check.OnService(v)}, Outcome: check.Pass}
	e := evidence.DecidingAnswer(p, from, to, &f)
	if e == nil {
		return f
	}
	a := e.DNS
	f.At = e.T
	f.Seen = []string{fmt.Sprintf("%s A %s at %s: %s %s", a.Name, "from "+p.Name, a.Server, a.RCode, strings.Join(check.FirstOf(a.Addrs, 32), " "))}
	f.Try = fmt.Sprintf("kubectl -n %s exec %s -- getent ahostsv4 %s", v.Header.Namespace, p.Name, a.Name)
	missing, foreign, early := compare(a.Addrs, at(*e))
	switch {
	case a.Outcome != recording.OK, a.RCode != "NOERROR" && a.RCode != "NXDOMAIN":
		// Why there is no answer is what dns/resolver-answers judges.
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("queried from %s, %s got no answer: %s %s", p.Name, a.Name, a.Outcome, a.RCode)
	case len(a.Addrs) == 0 && len(missing) == 0:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("queried from %s, %s has no address, but no pod has been Ready for longer than the %s that DNS may need", p.Name, a.Name, dnsLag)
	case a.RCode != "NOERROR":
		f.Outcome, f.Code = check.Fail, "dns-nxdomain"
		f.Message = fmt.Sprintf("queried from %s, %s does not exist: %s", p.Name, a.Name, a.RCode)
		f.Remedy = "check that the Service exists in this namespace, that the name ends with the cluster's own domain, and that a pod behind the Service is Ready"
	case len(a.Addrs) == 0:
		f.Outcome, f.Code = check.Fail, "dns-empty"
		f.Message = fmt.Sprintf("queried from %s, %s exists but has no address: the Service selects none of the ready pods", p.Name, a.Name)
	case len(foreign) > 0:
		f.Outcome, f.Code = check.Fail, "dns-foreign"
		for i, ip := range foreign {
			if other := v.Other(ip); other != "" {
				foreign[i] = fmt.Sprintf("%s (pod %s)", ip, other)
			}
		}
		f.Message = fmt.Sprintf("queried from %s, %s returns %s, which is not a pod of the workload%s", p.Name, a.Name, strings.Join(foreign, ", "), without(missing))
		f.Remedy = "make the Service headless (clusterIP: None), with a selector that matches only the pods of this workload"
	case len(missing) > 0:
		f.Outcome, f.Code = check.Fail, "dns-missing"
		f.Message = fmt.Sprintf("queried from %s, %s lacks %s", p.Name, a.Name, strings.Join(missing, ", "))
	case len(early) > 0:
		f.Outcome = check.Unseen
		f.Message = fmt.Sprintf("queried from %s, %s lacks %s, which became Ready less than %s before: DNS may need that long", p.Name, a.Name, strings.Join(early, ", "), dnsLag)
	}
	if away := v.AwayWithin(e.T, dnsComesBack); away != nil && f.Outcome == check.Fail && len(foreign) == 0 {
		f.Outcome, f.Code, f.Remedy, f.Maybe = check.Unseen, "", "", f.Code
		f.Message += fmt.Sprintf("; but the API server was away until %.0f s before, and the servers of DNS may need %s to learn what has changed", (e.T - away.To).Seconds(), dnsComesBack)
	}
	return f
}

func without(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return ", and lacks " + strings.Join(missing, ", ")
}

// dnsLag is how long DNS may take to follow a pod: CoreDNS gives its records a TTL of 5 s and serves them from its cache
// for that long (https://coredns.io/plugins/kubernetes/, ttl), and the EndpointSlice comes some time after the pod.
const dnsLag = 6 * time.Second

// dnsComesBack is how long the servers of DNS may need until they watch an API server again that was away: they try less and less
// often, and of two one was a minute late, so that every second answer was right (measured; client-go's reflector waits up to 60 s).
const dnsComesBack = 90 * time.Second

// skew is how late an event of the API server may be: it gets its time when it arrives.
const skew = 250 * time.Millisecond

// claim is what is expected of an address at some time.
type claim int

const (
	may   claim = iota // of a pod that is not Ready, is leaving, or became so too recently
	young              // of a pod that is Ready, but not for long
	must               // of a pod that has been Ready for as long as DNS needs
)

// addressBook gives the addresses at the time of a sample, and keeps the last ones: many pods query at the same time.
func addressBook(v *view.View) func(sample recording.Event) map[string]claim {
	var last recording.Event
	var book map[string]claim
	return func(sample recording.Event) map[string]claim {
		if book == nil || sample.T != last.T || sample.By != last.By {
			last, book = sample, addresses(v, sample.By, sample.T)
		}
		return book
	}
}

// addresses are those that DNS may list at t by that observer's clock, each with what is expected of it. An address of a pod that is gone is
// wrong only after the profile's budget for stale names, which recovery/stale-name-gone judges.
func addresses(v *view.View, by string, t time.Duration) map[string]claim {
	late := skew + v.Slack(by, recording.ByKube, t)
	all := make(map[string]claim, len(v.Pods()))
	for _, p := range v.Pods() {
		ip := p.IP()
		if s := p.At(t - v.Profile.Budgets.StaleName.D()); ip == "" || p.First > t+late || s != nil && s.Gone {
			continue
		}
		c := may
		if p.Ready(t) && p.Ready(t+late) {
			if c = young; p.ReadySince(t+late) <= t-dnsLag {
				c = must
			}
		}
		all[ip] = max(all[ip], c)
	}
	return all
}

func compare(got []string, want map[string]claim) (missing, foreign, early []string) {
	has := make(map[string]bool, len(got))
	for _, a := range got {
		has[a] = true
		if _, known := want[a]; !known {
			foreign = append(foreign, a)
		}
	}
	for a, c := range want {
		switch {
		case has[a]:
		case c == must:
			missing = append(missing, a)
		case c == young:
			early = append(early, a)
		}
	}
	sort.Strings(missing)
	sort.Strings(foreign)
	sort.Strings(early)
	return missing, foreign, early
}
