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
	return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "the nodes use no epmd: all of them listen on the same fixed port"}}
}

// EachEPMD judges what the epmd of each member reports.
func EachEPMD(judge func(v *view.View, p *view.Pod, from, to time.Duration) check.Finding) func(v *view.View) []check.Finding {
	return func(v *view.View) []check.Finding {
		if v.EPMDLess() {
			return WithoutEPMD(v)
		}
		from, to := check.Settled(v)
		return check.EachPod(v, func(p *view.Pod) check.Finding { return judge(v, p, from, to) })
	}
}

// RegisteredNames is the last list of names that the pod's epmd returned in the window, to whichever pod asked, or nil. The list
// does not depend on who asks.
func RegisteredNames(p *view.Pod, from, to time.Duration) *recording.Event {
	for _, e := range slices.Backward(view.Between(p.EPMD, from, to)) {
		if e.EPMD.Outcome == recording.OK {
			return &e
		}
	}
	return nil
}

// ShortName is a node's name as epmd has it: the part before the @.
func ShortName(node string) string {
	before, _, _ := strings.Cut(node, "@")
	return before
}

// HasName reports whether epmd lists the name.
func HasName(a *recording.EPMD, name string) bool {
	return slices.ContainsFunc(a.Names, func(r recording.Registered) bool { return r.Name == name })
}

// LostRegistration is a registration that epmd has lost although its node still runs.
type LostRegistration struct {
	Name   string
	Last   time.Duration // when epmd listed it for the last time
	Now    recording.Event
	Closed bool // epmd itself has stopped
}

// RegistrationLost finds whether the pod's node has lost its registration. A node registers once, when it starts: if epmd is
// killed or restarted later, it does not know the node, and no new peer can find it.
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

// livedAfter reports whether the node itself answered after t.
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
