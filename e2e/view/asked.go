package view

import (
	"slices"
	"strings"
	"time"
)

// listenGrace is how much longer than the profile's interval a pod's DNS queries are captured before the pod counts as one that
// does not look up its peers: queries are recorded once a second.
const listenGrace = 2 * time.Second

// LastAsked is when the pod last sent a DNS query for a name that contains the Service's, 0 for never, and how long its queries
// were captured since then without a loss. Only intervals that lie completely between from and to count.
func (p *Pod) LastAsked(service string, from, to time.Duration) (last, silent time.Duration) {
	for _, e := range Between(p.Asked, from, to) {
		if e.T-e.Asked.Over < from {
			continue
		}
		named := false
		for _, q := range e.Asked.Questions {
			named = named || slices.Contains(strings.Split(q.Name, "."), service)
		}
		switch {
		case named:
			last, silent = e.T, 0
		case e.Asked.Lost == 0:
			silent += e.Asked.Over
		}
	}
	return last, silent
}

// LookupsKnown reports whether it is known of each member if it looks up its peers: a query was captured, or none was for long
// enough, or its queries cannot be captured.
func (v *View) LookupsKnown() bool {
	if v.Profile.Service == "" || !v.KeepsDiscovering() {
		return true
	}
	for _, p := range v.Expected(v.end) {
		last, silent := p.LastAsked(v.Profile.Service, 0, v.end)
		if last == 0 && len(p.Asked) > 0 && silent < v.Profile.Interval.D()+listenGrace {
			return false
		}
	}
	return true
}

// silentMember names the first member that looked up its peers before the injection but sent no query since its peer has
// ended, "" for none.
func (v *View) silentMember(injected, exit time.Duration) string {
	if v.Profile.Service == "" || !v.KeepsDiscovering() {
		return ""
	}
	for _, p := range v.Expected(v.end) {
		if before, _ := p.LastAsked(v.Profile.Service, 0, injected); before == 0 {
			continue
		}
		if since, _ := p.LastAsked(v.Profile.Service, exit, v.end); since == 0 {
			return p.Name
		}
	}
	return ""
}
