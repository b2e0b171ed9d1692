package view

import (
	"fmt"
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

// unhurried is the longest interval of discovery that is waited for where the profile does not declare one that is longer: five
// seconds is the default of the libraries.
const unhurried = 5 * time.Second

// CacheTime is for how long the answers to the pod's queries for the Service may be cached, the longest, 0 where that is not known.
func (p *Pod) CacheTime(service string) time.Duration {
	ttl := time.Duration(0)
	for _, e := range p.Asked {
		for _, q := range e.Asked.Questions {
			if slices.Contains(strings.Split(q.Name, "."), service) {
				ttl = max(ttl, q.TTL)
			}
		}
	}
	return ttl
}

// CachesExpired reports whether each member that looked up its peers before the mesh was full, and not since, has had the time to do
// so again: its resolver may have the answer in its cache, and asks no server until it expires. If not, it names one.
func (v *View) CachesExpired() (bool, string) {
	full, ever := v.FirstFull(0)
	if v.Profile.Service == "" || !v.KeepsDiscovering() || !ever {
		return true, ""
	}
	for _, p := range v.Expected(v.end) {
		last, _ := p.LastAsked(v.Profile.Service, 0, v.end)
		since, _ := p.LastAsked(v.Profile.Service, full, v.end)
		ttl := p.CacheTime(v.Profile.Service)
		if last == 0 || since > 0 || ttl == 0 {
			continue
		}
		if left := last + ttl + max(v.Profile.Interval.D(), unhurried) + listenGrace - v.end; left > 0 {
			return false, fmt.Sprintf("%s may have what it asked DNS for in a cache, for %.0f s more", p.Name, left.Seconds())
		}
	}
	return true, ""
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
