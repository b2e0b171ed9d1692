package view

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Trail is what a pod was seen to do to find its peers: what it asked DNS for and got, whom it dialled, and how that was answered.
// It is captured on the pod's own interface, and says nothing of what happens inside the VM.
type Trail struct {
	Over    time.Duration        // for how long it was captured, since its VM ran
	Missed  time.Duration        // how long before that its container had started, as far as that is known
	Unheard string               // when it was not captured, "" if it was from the pod's start to the end
	Dials   bool                 // its dials were captured, too
	Asked   []recording.Question // each name and type once, sorted
	Dialled []Target             // each address once, sorted
	ToAPI   int                  // how many times it dialled the API server
	API     bool                 // it has a connection to the API server
}

// Target is one address that a pod dialled.
type Target struct {
	recording.Dialled
	Pod *Pod // whose address it is, nil if it is no pod's of the workload
}

// Trail is what the pod was seen to do in the whole recording.
func (v *View) Trail(p *Pod) Trail {
	t, _ := v.Once("trail of "+p.UID, func() any { return v.trail(p) }).(Trail)
	return t
}

func (v *View) trail(p *Pod) Trail {
	t := Trail{Unheard: v.Unheard(p)}
	t.Dials, _ = v.Can(p, recording.Dials)
	asked, dialled := map[string]*recording.Question{}, map[string]*Target{}
	// An init container may ask for peers, too, and does nothing for the node.
	began, api := time.Duration(0), v.apiServer()
	if len(p.process) > 0 {
		began = p.process[0].T
	}
	for _, e := range p.Asked {
		if e.T-e.Asked.Over < began {
			continue // an agent ends an interval when the VM starts: what is in this one was asked before that
		}
		if t.Over == 0 {
			t.Missed = v.missed(p, max(began, e.T-e.Asked.Over))
		}
		t.Over += e.Asked.Over
		for _, q := range e.Asked.Questions {
			addQuestion(asked, q)
		}
		for _, d := range e.Asked.Dialled {
			sum := dialled[d.Addr]
			if sum == nil {
				host, _ := split(d.Addr)
				sum = &Target{Dialled: recording.Dialled{Addr: d.Addr}, Pod: v.podAt(host)}
				dialled[d.Addr] = sum
			}
			sum.Add(d)
			if d.Addr == api {
				t.ToAPI += d.Count
			}
		}
	}
	for _, e := range p.Sockets {
		for _, l := range e.Sockets.Links {
			t.API = t.API || l.Remote == api
		}
	}
	t.API = t.API || t.ToAPI > 0
	for _, q := range asked {
		t.Asked = append(t.Asked, *q)
	}
	for _, d := range dialled {
		t.Dialled = append(t.Dialled, *d)
	}
	slices.SortFunc(t.Asked, func(a, b recording.Question) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	slices.SortFunc(t.Dialled, func(a, b Target) int { return strings.Compare(a.Addr, b.Addr) })
	return t
}

// apiServer is the API server's address as the agents know it, "" where none said it.
func (v *View) apiServer() string {
	for _, s := range v.starts {
		if s.API != "" {
			return s.API
		}
	}
	return ""
}

// missed is how long the pod's containers had run when something was first captured. The kubelet gives their start in whole seconds.
func (v *View) missed(p *Pod, first time.Duration) time.Duration {
	for _, c := range p.Last().Containers {
		if !c.Started.IsZero() && c.Restarts == 0 {
			return max(0, first-c.Started.Sub(v.Header.Start))
		}
	}
	return 0
}

// addQuestion adds one interval's questions for a name to those before.
func addQuestion(all map[string]*recording.Question, q recording.Question) {
	key := q.Name + " " + q.Type
	sum := all[key]
	if sum == nil {
		q.RCodes, q.Got = maps.Clone(q.RCodes), slices.Clone(q.Got)
		all[key] = &q
		return
	}
	sum.Count += q.Count
	sum.Empty += q.Empty
	for code, n := range q.RCodes {
		if sum.RCodes == nil {
			sum.RCodes = map[string]int{}
		}
		sum.RCodes[code] += n
	}
	if len(q.Got) > 0 && (len(sum.Got) == 0 || q.TTL < sum.TTL) {
		sum.TTL = q.TTL
	}
	for _, a := range q.Got {
		if !slices.Contains(sum.Got, a) {
			sum.Got = append(sum.Got, a)
		}
	}
}

// challengeOf are the bytes that a node of that name sends until it has sent its challenge: the status, as short as it can be, and the
// challenge itself. What comes then, if it accepts the cookie, are the bytes of ackBytes.
// (https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html)
func challengeOf(node string) int { return 2 + len("sok") + 2 + 1 + 8 + 4 + 4 + 2 + len(node) }

const ackBytes = 2 + 1 + 16

// ClosedAfterChallenge reports whether the other end closed each connection that it accepted when it had sent its challenge, and
// nothing more: it does not take the answer, so the cookies differ.
func (t Target) ClosedAfterChallenge() bool { return t.afterChallenge(t.Closed, t.After) }

// LeftAfterChallenge reports whether the pod itself closed each connection when it had the other end's challenge, and nothing more: it
// does not go on with a node that says that it has another name, or that lacks what both need.
func (t Target) LeftAfterChallenge() bool { return t.afterChallenge(t.Left, t.LeftAfter) }

func (t Target) afterChallenge(n, bytes int) bool {
	if t.Pod == nil || t.Pod.Node() == "" || n == 0 || n < t.Accepted-1 {
		return false
	}
	least := challengeOf(t.Pod.Node())
	return bytes >= least && bytes < least+ackBytes
}

// podAt is the youngest pod of the workload that had the address, nil if none did.
func (v *View) podAt(ip string) *Pod {
	for _, p := range slices.Backward(v.Pods()) {
		if ip != "" && p.IP() == ip {
			return p
		}
	}
	return nil
}

// Complete reports whether all that the pod asked and dialled was captured: only then did it not do what is not in the trail.
func (t Trail) Complete() bool { return t.Over > 0 && t.Unheard == "" && t.Dials }

// Peers are the addresses of other pods of the workload that it dialled.
func (t Trail) Peers() []Target {
	return slices.DeleteFunc(slices.Clone(t.Dialled), func(d Target) bool { return d.Pod == nil })
}

// Resolved are the pods of the workload whose addresses it got from DNS, but itself.
func (v *View) Resolved(p *Pod, t Trail) []*Pod {
	var all []*Pod
	for _, q := range t.Asked {
		for _, a := range q.Got {
			if q.Type == "SRV" {
				a, _, _ = strings.Cut(a, ":")
				a = v.lastAddress(t, a)
			}
			if o := v.podAt(a); o != nil && o != p && !slices.Contains(all, o) {
				all = append(all, o)
			}
		}
	}
	return all
}

// lastAddress is an address that the host of an SRV record had, if the pod asked for it, too.
func (v *View) lastAddress(t Trail, host string) string {
	for _, q := range t.Asked {
		if q.Name == host && q.Type != "SRV" && len(q.Got) > 0 {
			return q.Got[len(q.Got)-1]
		}
	}
	return ""
}

// Seeks are the questions of the trail that may lead the pod to its peers: for a Service of the workload, for another pod of it, for
// any Service of its own namespace, or whose answer was another pod's address. Its own name is none.
func (v *View) Seeks(p *Pod, t Trail) []recording.Question {
	var all []recording.Question
	for _, q := range t.Asked {
		if q.Type == "A" || q.Type == "AAAA" || q.Type == "SRV" {
			if v.seeks(p, q) {
				all = append(all, q)
			}
		}
	}
	return all
}

func (v *View) seeks(p *Pod, q recording.Question) bool {
	labels := strings.Split(q.Name, ".")
	if labels[0] == p.Name {
		return false
	}
	if slices.ContainsFunc(q.Got, func(a string) bool { o := v.podAt(a); return o != nil && o != p }) {
		return true
	}
	for _, l := range labels {
		if l == v.Profile.Service || slices.Contains(v.Profile.Services, l) {
			return true
		}
	}
	if slices.ContainsFunc(v.Pods(), func(o *Pod) bool { return o.Name == labels[0] }) {
		return true
	}
	host, inside := "", false
	if r := p.Resolver(); r != nil {
		host, inside = strings.CutSuffix(q.Name, "."+v.Header.Namespace+".svc."+r.Domain())
	}
	// With more labels it is a name that the search list completed, such as that of a database outside the cluster.
	return inside && len(slices.DeleteFunc(strings.Split(host, "."), func(l string) bool { return strings.HasPrefix(l, "_") })) == 1
}

// VirtualAddress is the Service of the workload whose cluster IP an answer was, "" if it was none.
func (v *View) VirtualAddress(q recording.Question) recording.Service {
	for _, name := range v.Profile.Services {
		list := v.services[name]
		if len(list) == 0 {
			continue
		}
		if s := *list[len(list)-1].Service; s.ClusterIP != "None" && s.ClusterIP != "" && slices.Contains(q.Got, s.ClusterIP) {
			return s
		}
	}
	return recording.Service{}
}
