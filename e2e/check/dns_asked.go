package check

import (
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// inquiries are the names that a pod was seen asking for, over the whole recording.
type inquiries struct {
	questions map[string]recording.Question // by name; of types that ask for peers
	seen      bool                          // somebody listened
}

func askedBy(p *view.Pod) inquiries {
	a := inquiries{questions: map[string]recording.Question{}, seen: len(p.Asked) > 0}
	for _, e := range p.Asked {
		for _, q := range e.Asked.Questions {
			if q.Type != "A" && q.Type != "AAAA" && q.Type != "SRV" {
				continue
			}
			sum := a.questions[q.Name]
			if sum.RCodes == nil {
				sum = recording.Question{Name: q.Name, Type: q.Type, RCodes: map[string]int{}}
			}
			sum.Count += q.Count
			sum.Empty += q.Empty
			for code, n := range q.RCodes {
				sum.RCodes[code] += n
			}
			a.questions[q.Name] = sum
		}
	}
	return a
}

// names are the names asked for, sorted.
func (a inquiries) names() []string {
	var all []string
	for name := range a.questions {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// fruitless reports whether the name was answered, and never with a record.
func fruitless(q recording.Question) bool {
	answers := 0
	for _, n := range q.RCodes {
		answers += n
	}
	return answers > 0 && q.RCodes["NOERROR"] <= q.Empty
}

// eachAsking judges what each member was seen asking DNS for. The finding is a pass until judge makes something else of
// it.
func eachAsking(v *view.View, judge func(p *view.Pod, a inquiries, f *Finding)) []Finding {
	if v.Profile.Service == "" {
		return []Finding{{Subject: onService(v), Outcome: NotApplicable, Message: "there is no Service whose name could be asked for"}}
	}
	return eachMember(v, func(p *view.Pod) Finding {
		f := Finding{Subject: onPod(p), Of: append(images(v), onService(v)), Outcome: Pass}
		a := askedBy(p)
		can, known := v.Can(p, "af_packet")
		switch {
		case known && !can:
			f.Outcome, f.Message = Unseen, fmt.Sprintf("the agent of %s cannot listen to what %s asks (af_packet)", p.Last().Node, p.Name)
		case !a.seen:
			f.Outcome, f.Message = Unseen, "nobody listened to what "+p.Name+" asks DNS for"
		case len(a.questions) == 0:
			f.skip(p.Name + " was not seen asking DNS for any peer")
		default:
			judge(p, a, &f)
		}
		return f
	})
}

// fullName is the Service's name in DNS as p's own resolver completes it, or "" where its resolv.conf was not seen.
func fullName(v *view.View, p *view.Pod) string {
	if d := domain(p); d != "" {
		return v.Profile.Service + "." + v.Header.Namespace + ".svc." + d
	}
	return ""
}

// domain is the cluster's domain, from the search list of p's resolv.conf, or "".
func domain(p *view.Pod) string {
	if r := p.Resolver(); r != nil {
		return r.Domain()
	}
	return ""
}

// tally shows what was asked for and what came back.
func tally(q recording.Question) string {
	out := fmt.Sprintf("asked %d times for %s (%s):", q.Count, q.Name, q.Type)
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
