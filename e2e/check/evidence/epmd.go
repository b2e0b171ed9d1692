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

// WithoutEPMD is the finding where the nodes use no epmd.
func WithoutEPMD(v *view.View) []check.Finding {
	return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the nodes use no epmd: all of them listen on one port that is agreed on"}}
}

// EachEPMD judges what epmd says of every member.
func EachEPMD(judge func(v *view.View, p *view.Pod, from, to time.Duration) check.Finding) func(v *view.View) []check.Finding {
	return func(v *view.View) []check.Finding {
		if v.EPMDLess() {
			return WithoutEPMD(v)
		}
		from, to := check.Settled(v)
		return check.EachPod(v, func(p *view.Pod) check.Finding { return judge(v, p, from, to) })
	}
}

// RegisteredNames is the youngest list of names that the pod's epmd gave to anybody in the window, or nil. What it says does not
// depend on who asks.
func RegisteredNames(p *view.Pod, from, to time.Duration) *recording.Event {
	for _, e := range slices.Backward(view.Between(p.EPMD, from, to)) {
		if e.EPMD.Outcome == recording.OK {
			return &e
		}
	}
	return nil
}

// ShortName is a node's name as epmd has it: what stands before the @.
func ShortName(node string) string {
	before, _, _ := strings.Cut(node, "@")
	return before
}

// HasName reports whether epmd lists the name.
func HasName(a *recording.EPMD, name string) bool {
	return slices.ContainsFunc(a.Names, func(r recording.Registered) bool { return r.Name == name })
}

// LostRegistration is a registration that was there and is gone, though its node lives.
type LostRegistration struct {
	Name   string
	Last   time.Duration // when epmd listed it last
	Now    recording.Event
	Closed bool // epmd itself is gone
}

// RegistrationLost finds whether the pod's node has lost its registration. A node registers once, when it starts: an epmd that was
// killed or restarted under it knows nothing of it, and no peer that comes later can find it.
func RegistrationLost(p *view.Pod) (LostRegistration, bool) {
	l := LostRegistration{Name: ShortName(p.Node())}
	listed := func(e recording.Event) bool { return e.EPMD.Outcome == recording.OK && HasName(e.EPMD, l.Name) }
	i := len(p.EPMD) - 1
	for i >= 0 && !listed(p.EPMD[i]) {
		i--
	}
	if l.Name == "" || i < 0 || !livedAfter(p, p.EPMD[i].T) {
		return l, false
	}
	l.Last = p.EPMD[i].T
	now := check.Decisive(p.EPMD[i+1:], func(e recording.Event) (recording.Outcome, bool) { return e.EPMD.Outcome, true })
	if now == nil {
		return l, false
	}
	l.Now, l.Closed = *now, now.EPMD.Outcome == recording.Refused
	return l, l.Closed || now.EPMD.Outcome == recording.OK
}

// livedAfter reports whether the node itself was heard after t.
func livedAfter(p *view.Pod, t time.Duration) bool {
	heard := func(e recording.Event) bool {
		return e.Nodes != nil && e.Nodes.Outcome == recording.OK || e.Dist != nil && e.Dist.Outcome == recording.OK
	}
	end := time.Duration(1<<63 - 1)
	return slices.ContainsFunc(view.Between(p.Nodes, t+1, end), heard) || slices.ContainsFunc(view.Between(p.Dist, t+1, end), heard)
}

// ShowNames is a command that shows what epmd of the pod lists.
func ShowNames(v *view.View, p *view.Pod) string {
	return strings.Join([]string{"kubectl -n", v.Header.Namespace, "exec", p.Name, "-- epmd -names"}, " ")
}

// Registrations shows the names that an epmd lists, with their ports.
func Registrations(names []recording.Registered) []string {
	var all []string
	for _, n := range names {
		all = append(all, fmt.Sprintf("name %s at port %d", n.Name, n.Port))
	}
	return check.FirstOf(all, 8)
}
