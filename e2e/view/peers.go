package view

import (
	"net/netip"

	"meshproof.dev/meshproof/e2e/recording"
)

// Peers finds the pods at the other ends of distribution links. It is made once for the pods that may be there, and reads
// each socket table in one walk, where Links would walk it for each pair.
type Peers struct {
	at     map[netip.Addr]int
	pods   []*Pod
	pinned uint16 // the profile's distribution port, which counts where epmd named none
}

// Peers prepares to find these pods.
func (v *View) Peers(pods []*Pod) *Peers {
	s := &Peers{at: make(map[netip.Addr]int, len(pods)), pods: pods, pinned: uint16(v.Profile.DistPort)}
	for i, p := range pods {
		if ip, err := netip.ParseAddr(p.IP()); err == nil {
			s.at[ip.Unmap()] = i
		}
	}
	return s
}

// Peer is a link and the pod at its other end, by its place.
type Peer struct {
	Pod  int
	Link recording.Link
}

// Of are the distribution links in a socket table of the pod p.
func (s *Peers) Of(e recording.Event, p *Pod) []Peer {
	own, err := netip.ParseAddr(p.IP())
	if err != nil || e.Sockets == nil {
		return nil
	}
	var all []Peer
	for _, l := range e.Sockets.Links {
		remote, err := netip.ParseAddrPort(l.Remote)
		if err != nil {
			continue
		}
		i, known := s.at[remote.Addr().Unmap()]
		if !known {
			continue
		}
		local, err := netip.ParseAddrPort(l.Local)
		if err == nil && local.Addr().Unmap() == own.Unmap() && (s.distribution(p, local.Port()) || s.distribution(s.pods[i], remote.Port())) {
			all = append(all, Peer{i, l})
		}
	}
	return all
}

func (s *Peers) distribution(p *Pod, port uint16) bool {
	if len(p.ports) == 0 {
		return port == s.pinned && port != 0
	}
	return p.ports[port]
}
