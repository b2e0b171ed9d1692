package evidence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Lookups are the DNS names that a pod queried, over the whole recording.
type Lookups struct {
	Questions map[string]recording.Question // by name; only the types that can find peers
	Heard     bool                          // the queries were captured
	Last      time.Duration                 // when it was last seen asking for one of them
}

// LookupsOf are the DNS names that p queried.
func LookupsOf(p *view.Pod) Lookups {
	a := Lookups{Questions: map[string]recording.Question{}, Heard: len(p.Asked) > 0}
	for _, e := range p.Asked {
		for _, q := range e.Asked.Questions {
			if q.Type != "A" && q.Type != "AAAA" && q.Type != "SRV" {
				continue
			}
			sum := a.Questions[q.Name]
			if sum.RCodes == nil {
				sum = recording.Question{Name: q.Name, Type: q.Type, RCodes: map[string]int{}}
			}
			sum.Count += q.Count
			sum.Empty += q.Empty
			for code, n := range q.RCodes {
				sum.RCodes[code] += n
			}
			a.Questions[q.Name], a.Last = sum, e.T
		}
	}
	return a
}

// Names are the queried names, sorted.
func (a Lookups) Names() []string {
	var all []string
	for name := range a.Questions {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// NoRecord reports whether the name was answered, but never with a record.
func NoRecord(q recording.Question) bool {
	answers := 0
	for _, n := range q.RCodes {
		answers += n
	}
	return answers > 0 && q.RCodes["NOERROR"] <= q.Empty
}

// EachQuerying judges the DNS queries of each member. The finding is a pass unless judge changes it.
func EachQuerying(v *view.View, judge func(p *view.Pod, a Lookups, f *check.Finding)) []check.Finding {
	if v.Profile.Service == "" {
		return []check.Finding{{Subject: check.OnService(v), Outcome: check.NotApplicable, Message: "the workload has no Service whose name could be queried"}}
	}
	return check.EachPod(v, func(p *view.Pod) check.Finding {
		f := check.Finding{Subject: check.OnPod(p), Of: append(check.Images(v), check.OnService(v)), Outcome: check.Pass}
		a := LookupsOf(p)
		can, known := v.Can(p, "af_packet")
		switch {
		case known && !can:
			f.Outcome, f.Message = check.Unseen, fmt.Sprintf("the agent of %s cannot capture the DNS queries of %s (af_packet)", p.Last().Node, p.Name)
		case !a.Heard:
			f.Outcome, f.Message = check.Unseen, "the DNS queries of "+p.Name+" were not captured"
		case len(a.Questions) == 0 && v.Unheard(p) != "":
			f.Outcome, f.Message = check.Unseen, v.Unheard(p)+": it may have queried names then"
		case len(a.Questions) == 0:
			f.Skip(fmt.Sprintf("%s sent no DNS query for a peer since its queries were captured, from %.1f s on", p.Name, p.HeardFrom().Seconds()))
		default:
			f.At = a.Last
			judge(p, a, &f)
		}
		return f
	})
}

// NothingElseQueried is for judges to whom p looks well, or not, because it did not query another name: the finding becomes Unseen if
// its queries were not captured all the time. It reports whether they were.
func NothingElseQueried(v *view.View, p *view.Pod, f *check.Finding) bool {
	why := v.Unheard(p)
	if why != "" {
		f.Outcome, f.Message = check.Unseen, why+": it may have queried other names then"
	}
	return why == ""
}

// FullName is the Service's name in DNS as p's own resolver completes it, or "" where its resolv.conf was not seen.
func FullName(v *view.View, p *view.Pod) string {
	if d := Domain(p); d != "" {
		return v.Profile.Service + "." + v.Header.Namespace + ".svc." + d
	}
	return ""
}

// Domain is the cluster's domain, from the search list of p's resolv.conf, or "".
func Domain(p *view.Pod) string {
	if r := p.Resolver(); r != nil {
		return r.Domain()
	}
	return ""
}

// Tally shows the query and its answers.
func Tally(q recording.Question) string {
	out := fmt.Sprintf("%d queries for %s (%s):", q.Count, q.Name, q.Type)
	for _, code := range []string{"NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"} {
		if n := q.RCodes[code]; n > 0 {
			out += fmt.Sprintf(" %d × %s", n, code)
		}
	}
	if q.Empty > 0 {
		out += fmt.Sprintf(", %d of them empty", q.Empty)
	}
	return out
}

// HostLabels are the labels of a name without those of a SRV question: "_dist._tcp.shop.prod" has shop and prod.
func HostLabels(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "."), func(l string) bool { return strings.HasPrefix(l, "_") })
}

// DecidingAnswer is the answer that decides (see Decisive) among those that p got in the window; without one, f says so.
func DecidingAnswer(p *view.Pod, from, to time.Duration, f *check.Finding) *recording.Event {
	e := check.Decisive(view.Between(p.DNS, from, to), func(e recording.Event) (recording.Outcome, bool) { return e.DNS.Outcome, true })
	if e == nil {
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("no DNS query was sent from %s between %.1f s and %.1f s", p.Name, from.Seconds(), to.Seconds())
	}
	return e
}

// ShowAddresses is a command that shows the addresses of a name as the pod's resolver finds them, in the family of its own address.
func ShowAddresses(v *view.View, p *view.Pod, name string) string {
	database := "ahostsv4"
	if p.OverIPv6() {
		database = "ahostsv6"
	}
	return fmt.Sprintf("kubectl -n %s exec %s -- getent %s %s", v.Header.Namespace, p.Name, database, name)
}
