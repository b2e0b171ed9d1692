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

// NeverAsked reports whether none of the pods asked DNS or the API server for peers, or dialled one, and for how long they were all
// heard. others says what they asked for and dialled instead, each once. It is false where a pod was not heard all the time.
func NeverAsked(v *view.View, pods []*view.Pod) (over time.Duration, others []string, never bool) {
	for _, p := range pods {
		t := v.Trail(p)
		if !t.Complete() || len(v.Seeks(p, t)) > 0 || t.API() > 0 || len(t.Peers()) > 0 {
			return 0, nil, false
		}
		if over == 0 || t.Over < over {
			over = t.Over
		}
		for _, q := range t.Asked {
			if strings.HasPrefix(q.Name, "kubernetes.default.") {
				return 0, nil, false
			}
			if strings.Split(q.Name, ".")[0] != p.Name && !slices.Contains(others, q.Name) {
				others = append(others, q.Name)
			}
		}
		for _, d := range t.Dialled {
			if !slices.Contains(others, d.Addr) {
				others = append(others, d.Addr)
			}
		}
	}
	return over, others, len(pods) > 0
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
			if !strings.HasSuffix(d.Addr, fmt.Sprintf(":%d", v.Profile.EPMDPort)) || d.Accepted < 2 || d.Accepted < d.Count-1 {
				return false
			}
		}
	}
	return len(pods) > 0
}

// APIGaveNobody reports whether each of the pods asked the API server, and nothing else for peers, and dialled none. It is false where
// a pod was not heard all the time.
func APIGaveNobody(v *view.View, pods []*view.Pod) (times int, nobody bool) {
	for _, p := range pods {
		t := v.Trail(p)
		if !t.Complete() || t.API() == 0 || len(v.Seeks(p, t)) > 0 || len(t.Peers()) > 0 {
			return 0, false
		}
		times += t.API()
	}
	return times, len(pods) > 0
}

// OnlyVirtual gives the question for a Service of the workload whose answer was only its cluster IP, if p got no address of a peer.
func OnlyVirtual(v *view.View, p *view.Pod) (recording.Question, recording.Service, bool) {
	t := v.Trail(p)
	if len(v.Resolved(p, t)) > 0 || t.API() > 0 {
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
	if n := t.API(); n > 0 {
		lines = append(lines, fmt.Sprintf("%s dialled the API server %s", p.Name, Times(n)))
	}
	for _, d := range t.Peers() {
		lines = append(lines, fmt.Sprintf("%s dialled %s of %s %s: %s", p.Name, d.Addr, d.Pod.Name, Times(d.Count), dialEnd(d.Dialled)))
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
				lines = append(lines, fmt.Sprintf("%s dialled %s of %s %s: %s", x[0].Name, d.Addr, x[1].Name, Times(d.Count), dialEnd(d.Dialled)))
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
	case q.RCodes["NXDOMAIN"] > 0:
		return "NXDOMAIN: the name does not exist"
	case q.Empty > 0:
		return "no record of that type"
	case q.RCodes["NOERROR"] > 0:
		return "an answer"
	}
	for _, code := range []string{"SERVFAIL", "REFUSED"} {
		if q.RCodes[code] > 0 {
			return code
		}
	}
	return "an error"
}

// dialEnd is how the dials to one address ended.
func dialEnd(d recording.Dialled) string {
	var all []string
	for _, x := range []struct {
		n    int
		what string
	}{{d.Accepted, "accepted"}, {d.Refused, "refused"}, {d.Unanswered, "not answered"}} {
		switch {
		case x.n > 0 && x.n == d.Count:
			return x.what
		case x.n > 0:
			all = append(all, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	if len(all) == 0 {
		return "the answer was not seen yet"
	}
	return strings.Join(all, ", ")
}
