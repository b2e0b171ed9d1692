package view

import (
	"slices"
	"strings"
	"time"
)

// listenGrace is how much longer than the profile's interval a pod is listened to before it counts as one that does not ask
// DNS for its peers: its questions are recorded once a second.
const listenGrace = 2 * time.Second

// LastAsked is when the pod was last seen to ask DNS for a name that has the Service's in it, 0 for never, and for how long of
// the time since then it was listened to without a loss. Only what was heard wholly from from to to counts.
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

// Heard reports whether each member was heard asking for its peers, or long enough to say that it does not ask DNS for them
// regularly, or cannot be heard.
func (v *View) Heard() bool {
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

// silentMember names the first member that asked for its peers before the injection and was not heard asking since its peer has
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
