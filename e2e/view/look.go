package view

import "meshproof.dev/meshproof/e2e/recording"

// Inspected reports whether the recording is of an inspection: two looks at a cluster that ran before and goes on.
func (v *View) Inspected() bool { return v.Header.Scenario == recording.Inspect }

// Earlier is what the first of the two looks of an inspection has shown; nil where there was one look only, and of a run.
func (v *View) Earlier() *View {
	if !v.again {
		return nil
	}
	return v.earlier
}

// applyEarlier gives the first look what belongs to it.
func (v *View) applyEarlier(e recording.Event) {
	switch {
	case v.again || !v.Inspected() || v.isEarlier:
	case e.Act != nil && e.Act.Do == recording.LookAgain:
		v.again = true
	default:
		if v.earlier == nil {
			v.earlier, _ = New(v.Header) // the header has been read once
			v.earlier.isEarlier = true
		}
		v.earlier.Apply(e)
	}
}

// Changes are what was changed last before an inspection, in the order in which it was recorded.
func (v *View) Changes() []recording.Change {
	var all []recording.Change
	for _, e := range v.changes {
		all = append(all, *e.Change)
	}
	return all
}

// Did is what an inspection did, in its own words.
func (v *View) Did() string {
	if e, ok := v.Act(recording.Did); ok {
		return e.Act.Detail
	}
	return ""
}

// KnowsPort reports whether it is known on which port the pod's node listens for distribution.
func (p *Pod) KnowsPort() bool { return len(p.ports) > 0 || p.declared != 0 }

// Meets reports whether one of a's socket tables has a connection with b, whatever it is for. One to b's epmd, or from there, is none.
func Meets(e recording.Event, a, b *Pod) bool {
	epmd := uint16(0)
	if a.view != nil {
		epmd = uint16(a.view.Profile.EPMDPort)
	}
	for _, l := range e.Sockets.Links {
		_, from := split(l.Local)
		if remote, to := split(l.Remote); remote == b.IP() && remote != "" && from != epmd && to != epmd {
			return true
		}
	}
	return false
}

// Cannot is what the observer that stands in for the agents cannot see, "NAME: why" each, as it says itself.
func (v *View) Cannot() []string { return v.starts[recording.ByAPI].Cannot }
