package view

import (
	"net/netip"
	"strconv"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
)

// Peers finds the pods at the other ends of distribution links. It is made once for all pods, and reads each socket table once,
// while Links would read it for each pair.
type Peers struct {
	at   map[string]int // the place of the pod with that address
	pods []*Pod
}

// Peers prepares to find these pods.
func (v *View) Peers(pods []*Pod) *Peers {
	s := &Peers{at: make(map[string]int, len(pods)), pods: pods}
	for i, p := range pods {
		if ip := p.IP(); ip != "" {
			s.at[ip] = i
		}
	}
	return s
}

// Each gives each distribution link in a socket table of the pod p, with the place of the pod at its other end.
func (s *Peers) Each(e recording.Event, p *Pod, give func(pod int, l *recording.Link)) {
	own := p.IP()
	for k := range e.Sockets.Links {
		l := &e.Sockets.Links[k]
		host, port := split(l.Remote)
		i, known := s.at[host]
		if !known {
			continue
		}
		local, from := split(l.Local)
		if local == own && (p.distributes(from) || s.pods[i].distributes(port)) {
			give(i, l)
		}
	}
}

// split separates address and port; text that is neither has no host. It is called millions of times, so an IPv4 address is
// not parsed.
func split(addr string) (host string, port uint16) {
	if strings.HasPrefix(addr, "[") {
		a, err := netip.ParseAddrPort(addr)
		if err != nil {
			return "", 0
		}
		return a.Addr().Unmap().String(), a.Port()
	}
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return "", 0
	}
	n, err := strconv.ParseUint(addr[i+1:], 10, 16)
	if err != nil {
		return "", 0
	}
	return addr[:i], uint16(n)
}
