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

// Silence is what pods were heard doing that asked nobody for their peers.
type Silence struct {
	Over   time.Duration // the shortest time for which one was heard
	Missed time.Duration // the longest time between a container's start and the first that was heard of it
	Others []string      // what they asked for and dialled instead, each once
}

// Says tells for how long they were heard.
func (s *Silence) Says() string {
	heard := fmt.Sprintf("in %.0f s", s.Over.Seconds())
	if s.Missed > time.Second {
		heard += fmt.Sprintf(" (heard from %.0f s after the start of the container on)", s.Missed.Seconds())
	}
	return heard
}

// NeverAsked is the silence of pods of which none asked DNS or the API server for peers, or dialled one. It is nil where one did, or was
// not heard all the time.
func NeverAsked(v *view.View, pods []*view.Pod) *Silence {
	if len(pods) == 0 {
		return nil
	}
	var s Silence
	for _, p := range pods {
		t := v.Trail(p)
		if !t.Complete() || len(v.Seeks(p, t)) > 0 || t.API || len(t.Peers()) > 0 || !s.add(p, t) {
			return nil
		}
	}
	return &s
}

// add adds what the pod asked for and dialled instead. It reports false where that may lead it to its peers.
func (s *Silence) add(p *view.Pod, t view.Trail) bool {
	if s.Over == 0 || t.Over < s.Over {
		s.Over = t.Over
	}
	s.Missed = max(s.Missed, t.Missed)
	for _, q := range t.Asked {
		if strings.HasPrefix(q.Name, "kubernetes.default.") {
			return false
		}
		if strings.Split(q.Name, ".")[0] != p.Name && !slices.Contains(s.Others, q.Name) {
			s.Others = append(s.Others, q.Name)
		}
	}
	for _, d := range t.Dialled {
		// Where the network replaces the address of a Service before the first packet, the API server is seen at its own.
		if strings.HasSuffix(d.Addr, ":443") || strings.HasSuffix(d.Addr, ":6443") {
			return false
		}
		if !slices.Contains(s.Others, d.Addr) {
			s.Others = append(s.Others, d.Addr)
		}
	}
	return true
}

// DialledNobody reports whether each of the pods got addresses of other pods from DNS, and none of them dialled any, nor was dialled
// by another. It is false where a pod was not heard all the time.
func DialledNobody(v *view.View, pods []*view.Pod) bool {
	for _, p := range pods {
		t := v.Trail(p)
		if !t.Complete() || len(v.Resolved(p, t)) == 0 || len(t.Peers()) > 0 {
			return false
		}
		for _, o := range check.Members(v) {
			if slices.ContainsFunc(v.Trail(o).Peers(), func(d view.Target) bool { return d.Pod == p }) {
				return false
			}
		}
	}
	return len(pods) > 0
}

// NobodyThere reports whether each of the pods asked peers' epmd, which answered, and dialled none of their nodes: epmd did not list
// the name that it asked for. It is false where a pod was not heard all the time.
func NobodyThere(v *view.View, pods []*view.Pod) bool {
	for _, p := range pods {
		t := v.Trail(p)
		peers := t.Peers()
		if !t.Complete() || len(peers) == 0 {
			return false
		}
		for _, d := range peers {
			if !toEPMD(v, d) || d.Accepted < 2 || d.Accepted < d.Count-1 {
				return false
			}
		}
	}
	return len(pods) > 0
}

// OnlyVirtual gives the question for a Service of the workload whose answer was only its cluster IP, if p got no address of a peer.
func OnlyVirtual(v *view.View, p *view.Pod) (recording.Question, recording.Service, bool) {
	t := v.Trail(p)
	if len(v.Resolved(p, t)) > 0 || t.API {
		return recording.Question{}, recording.Service{}, false
	}
	for _, q := range t.Asked {
		if s := v.VirtualAddress(q); s.Name != "" && len(q.Got) == 1 {
			return q, s, true
		}
	}
	return recording.Question{}, recording.Service{}, false
}

// AskedVirtual is the first pod that asked for a Service of the workload which has a cluster IP, and got no address of a peer, where the
// mesh is not full.
func AskedVirtual(v *view.View, pods []*view.Pod) (*view.Pod, recording.Question, recording.Service) {
	if v.Mesh(v.End()).Full {
		return nil, recording.Question{}, recording.Service{}
	}
	for _, p := range pods {
		if q, s, is := OnlyVirtual(v, p); is {
			return p, q, s
		}
	}
	return nil, recording.Question{}, recording.Service{}
}

// TrailOf tells what p was seen to do to find its peers, a line for each thing: what it asked DNS for and got, the API server, whom it
// dialled and how that was answered.
func TrailOf(v *view.View, p *view.Pod) []string {
	t := v.Trail(p)
	if t.Over == 0 {
		return nil
	}
	var lines []string
	for _, q := range v.Seeks(p, t) {
		lines = append(lines, fmt.Sprintf("%s asked DNS for %s (%s) %s and got %s", p.Name, q.Name, q.Type, Times(q.Count), got(v, q)))
	}
	switch {
	case t.ToAPI > 0:
		lines = append(lines, fmt.Sprintf("%s dialled the API server %s", p.Name, Times(t.ToAPI)))
	case t.API:
		lines = append(lines, p.Name+" has a connection to the API server")
	}
	for _, d := range t.Peers() {
		lines = append(lines, fmt.Sprintf("%s dialled %s of %s %s: %s", p.Name, d.Addr, d.Pod.Name, Times(d.Count), dialEnd(v, d)))
	}
	if t.Dials && len(t.Peers()) == 0 {
		lines = append(lines, p.Name+" dialled no other pod of the workload")
	}
	if t.Unheard != "" && len(lines) > 0 {
		lines = append(lines, "not all was heard: "+t.Unheard)
	}
	return lines
}

// DialsBetween tells how each of two pods dialled the other, a line for each: either side can make the link.
func DialsBetween(v *view.View, p, q *view.Pod) []string {
	var lines []string
	for _, x := range [][2]*view.Pod{{p, q}, {q, p}} {
		t := v.Trail(x[0])
		before := len(lines)
		for _, d := range t.Dialled {
			if d.Pod == x[1] {
				lines = append(lines, fmt.Sprintf("%s dialled %s of %s %s: %s", x[0].Name, d.Addr, x[1].Name, Times(d.Count), dialEnd(v, d)))
			}
		}
		if len(lines) == before && t.Complete() {
			lines = append(lines, x[0].Name+" never dialled "+x[1].Name)
		}
	}
	return lines
}

// Times is how often something was done, in words.
func Times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// got is what DNS answered: addresses, or why there were none.
func got(v *view.View, q recording.Question) string {
	if s := v.VirtualAddress(q); s.Name != "" {
		return fmt.Sprintf("%s, the cluster IP of Service %s", s.ClusterIP, s.Name)
	}
	if len(q.Got) > 0 {
		return check.List(q.Got)
	}
	switch {
	case len(q.RCodes) == 0:
		return "no answer"
	case q.RCodes["NOERROR"] > q.Empty:
		return "an answer"
	case q.RCodes["NXDOMAIN"] > 0:
		return "NXDOMAIN: the name does not exist"
	case q.Empty > 0:
		return "no record of that type"
	}
	for _, code := range []string{"SERVFAIL", "REFUSED"} {
		if q.RCodes[code] > 0 {
			return code
		}
	}
	return "an error"
}
