package view

import (
	"maps"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// At is the pod as last reported at t, or nil when it had not been reported yet.
func (p *Pod) At(t time.Duration) *recording.Pod {
	if e := last(p.states, t); e != nil {
		return e.Pod
	}
	return nil
}

// Last is the pod as last reported. Of a pod that was never reported only the UID is known.
func (p *Pod) Last() *recording.Pod {
	if len(p.states) == 0 {
		return &recording.Pod{UID: p.UID, Name: p.Name}
	}
	return p.states[len(p.states)-1].Pod
}

// IP is the pod's address, or "" when it never had one. A pod keeps its address for life.
func (p *Pod) IP() string {
	for _, e := range slices.Backward(p.states) {
		if ip := e.Pod.IP; ip != "" {
			return ip
		}
	}
	return ""
}

// Ready reports whether the pod is a full member at t: Ready and not being deleted.
func (p *Pod) Ready(t time.Duration) bool {
	s := p.At(t)
	return s != nil && s.Ready && !s.Deleting && !s.Gone
}

// Leaving reports whether the pod was being deleted or gone at t.
func (p *Pod) Leaving(t time.Duration) bool {
	s := p.At(t)
	return s != nil && (s.Deleting || s.Gone)
}

// changed is the last time up to t that Ready turned.
func (p *Pod) changed(t time.Duration) time.Duration {
	var at time.Duration
	was := false
	for _, e := range Between(p.states, 0, t) {
		now := e.Pod.Ready && !e.Pod.Deleting && !e.Pod.Gone
		if now != was {
			at, was = e.T, now
		}
	}
	return at
}

// Exited is when the pod's VM process ended, as the agent saw it, else when the API server reported its
// containers terminated or the object gone.
//
// A process that started again has not ended: only the last end counts.
func (p *Pod) Exited() (time.Duration, bool) {
	at, _, is := p.exit()
	return at, is
}

// ExitSeenBy is the observer that saw the end of the pod's VM, "" where it did not end.
func (p *Pod) ExitSeenBy() string {
	_, by, _ := p.exit()
	return by
}

// exit is Exited, and who saw it.
func (p *Pod) exit() (at time.Duration, by string, is bool) {
	if n := len(p.process); n > 0 && p.process[n-1].Process.Exited {
		return p.process[n-1].T, p.process[n-1].By, true
	}
	for _, e := range slices.Backward(p.states) {
		if !e.Pod.Gone && !ended(e.Pod) {
			break
		}
		at, by, is = e.T, e.By, true
	}
	return at, by, is
}

// Ends is when the pod was deleted or its VM ended, whichever was seen first from t on; ok is false where neither was.
func (p *Pod) Ends(t time.Duration) (at time.Duration, ok bool) {
	if p.Leaving(t) {
		return t, true
	}
	saw := func(e recording.Event) {
		if e.T >= t && (!ok || e.T < at) {
			at, ok = e.T, true
		}
	}
	for _, e := range p.states {
		if e.Pod.Deleting || e.Pod.Gone || ended(e.Pod) {
			saw(e)
		}
	}
	for _, e := range p.process {
		if e.Process.Exited {
			saw(e)
		}
	}
	return at, ok
}

func ended(p *recording.Pod) bool {
	for _, c := range p.Containers {
		if c.State != "terminated" {
			return false
		}
	}
	return len(p.Containers) > 0
}

// Node is the pod's node name, from its challenge or its own answer, or "".
func (p *Pod) Node() string {
	for i := len(p.Nodes) - 1; i >= 0; i-- {
		if n := p.Nodes[i].Nodes.Node; n != "" {
			return n
		}
	}
	for i := len(p.ToDist) - 1; i >= 0; i-- {
		if n := p.ToDist[i].Dist.Node; n != "" {
			return n
		}
	}
	for i := len(p.Cookies) - 1; i >= 0; i-- {
		if n := p.Cookies[i].Cookie.Node; n != "" {
			return n
		}
	}
	return ""
}

// Is reports whether a name in another node's nodes() is this pod's node. If its node name is not known yet, its address is
// compared: most releases on Kubernetes use it as the host part of the name.
func (p *Pod) Is(name string) bool {
	if n := p.Node(); n != "" {
		return n == name
	}
	ip := p.IP()
	return ip != "" && strings.HasSuffix(name, "@"+ip)
}

// Covered reports whether the pod's own view was seen from from to to without a silence longer than MaxGap, and
// if not, the longest silence.
func (p *Pod) Covered(from, to time.Duration) (bool, time.Duration) {
	at, longest, most := from, time.Duration(0), p.MaxGap()
	for _, e := range Between(p.Nodes, from-most, to+most) {
		if e.Nodes.Outcome != recording.OK {
			continue
		}
		longest = max(longest, min(e.T, to)-at)
		at = max(at, min(e.T, to))
	}
	longest = max(longest, to-at)
	return longest <= most, longest
}

// Link is an established distribution connection between two pods: the 4-tuple as the first one's kernel has it.
type Link struct{ Local, Remote string }

// Links are the TCP connections between a and b in one of a's socket tables on which either side uses one
// of its distribution ports.
func Links(e recording.Event, a, b *Pod) map[Link]recording.Link {
	links := map[Link]recording.Link{}
	mine, theirs := a.IP(), b.IP()
	for _, l := range e.Sockets.Links {
		local, from := split(l.Local)
		if local != mine {
			continue
		}
		if remote, to := split(l.Remote); remote == theirs && (a.distributes(from) || b.distributes(to)) {
			links[Link{l.Local, l.Remote}] = l
		}
	}
	return links
}

// distributes reports whether the pod's node listens for distribution on the port: one that epmd gave for it, or the one that
// is declared where epmd gave none.
func (p *Pod) distributes(port uint16) bool {
	if len(p.ports) == 0 {
		return port == p.declared && port != 0
	}
	return p.ports[port]
}

// DistPort is the port on which the pod's node listens for distribution, 0 where it is not known.
func (p *Pod) DistPort() int {
	least := uint16(0)
	for port := range p.ports {
		if least == 0 || port < least {
			least = port
		}
	}
	if least == 0 {
		least = p.declared
	}
	return int(least)
}

func (p *Pod) learnPorts(e *recording.EPMD) {
	for _, n := range e.Names {
		if p.ports == nil {
			p.ports = map[uint16]bool{}
		}
		p.ports[uint16(n.Port)] = true
	}
}

func (p *Pod) learnLocal(e *recording.Nodes) {
	for _, n := range e.Visible {
		if strings.HasSuffix(n, "@127.0.0.1") {
			if p.local == nil {
				p.local = map[string]bool{}
			}
			p.local[n] = true
		}
	}
}

// LocalPeers are the names at 127.0.0.1 that the pod's node ever counted as visible peers, sorted. No peer in another pod
// can have one: nodes give such names to our probe.
func (p *Pod) LocalPeers() []string { return slices.Sorted(maps.Keys(p.local)) }

// ReadySince is the last time up to t at which the pod became Ready, or stopped being so.
func (p *Pod) ReadySince(t time.Duration) time.Duration { return p.changed(t) }

// OTP are the releases that the workload's nodes named.
func (v *View) OTP() []string {
	var all []string
	for _, p := range v.Pods() {
		if n := len(p.Nodes); n > 0 {
			all = append(all, p.Nodes[n-1].Nodes.OTP)
		}
	}
	return all
}

// Accepts reports whether the other end opened a connection of the pod: the pod's end has the port of its node.
func (p *Pod) Accepts(l Link) bool {
	_, port := split(l.Local)
	return p.distributes(port)
}
