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
func RegisteredNames(p *view.Pod, from, to time.Duration) *view.Dial {
	for _, d := range slices.Backward(view.During(p.ToEPMD, from, to)) {
		if d.Good {
			return &d
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
	Now    view.Dial
	Closed bool // epmd itself has stopped
}

// RegistrationLost finds whether the pod's node has lost its registration. A node registers once, when it starts: if epmd is
// killed or restarted later, it does not know the node, and no new peer can find it.
func RegistrationLost(p *view.Pod) (LostRegistration, bool) {
	l := LostRegistration{Name: ShortName(p.Node())}
	i := len(p.ToEPMD) - 1
	for i >= 0 && (!p.ToEPMD[i].Good || !HasName(p.ToEPMD[i].EPMD, l.Name)) {
		i--
	}
	if l.Name == "" || i < 0 || !livedAfter(p, p.ToEPMD[i].T) {
		return l, false
	}
	l.Last = p.ToEPMD[i].T
	now := check.DecisiveDial(p.ToEPMD[i+1:], func(recording.Outcome) bool { return true })
	if now == nil {
		return l, false
	}
	l.Now, l.Closed = *now, now.EPMD.Outcome == recording.Refused
	return l, l.Closed || now.EPMD.Outcome == recording.OK
}

// livedAfter reports whether the node itself answered after t.
func livedAfter(p *view.Pod, t time.Duration) bool {
	end := time.Duration(1<<63 - 1)
	return slices.ContainsFunc(view.Between(p.Nodes, t+1, end), func(e recording.Event) bool { return e.Nodes.Outcome == recording.OK }) ||
		slices.ContainsFunc(view.During(p.ToDist, t+1, end), func(d view.Dial) bool { return d.Good })
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
