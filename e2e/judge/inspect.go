package judge

import (
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// belongs reports whether a check is of this kind of judgement at all: an inspection has the checks that name it, and a run all that
// name one of its scenarios. Where no cookie was offered, what the nodes themselves say was not asked for.
func belongs(c check.Check, scenarios []Scenario) bool {
	s, inspection := find(scenarios, recording.Inspect)
	if inspection && s.View != nil && s.View.Unseen(recording.ACookie) != "" && slices.ContainsFunc(c.Reads, saidByNodes) {
		return false
	}
	if inspection {
		return slices.Contains(c.Scenarios(), recording.Inspect)
	}
	return slices.ContainsFunc(c.Scenarios(), func(name recording.Scenario) bool { return name != recording.Inspect })
}

// saidByNodes reports whether events of the kind are what nodes say to who has their cookie.
func saidByNodes(k recording.Kind) bool {
	return k == recording.KindCookie || k == recording.KindNodes || k == recording.KindKernel
}

// inBothLooks makes unknown what an inspection may have seen in passing: a failure that only one of the two looks has shown, and any
// failure while the cluster changes. What the manifests decide stays: they are there.
func inBothLooks(c check.Check, v *view.View, found []check.Finding) []check.Finding {
	if !v.Inspected() || c.Static || c.Rung == check.Manifest {
		return found
	}
	found = slices.Clone(found)
	if why := v.InMotion(); why != "" {
		for i := range found {
			doubt(&found[i], "in motion: "+why)
		}
		return found
	}
	if v.Earlier() == nil {
		for i := range found {
			doubt(&found[i], "it was looked at once only")
		}
		return found
	}
	was, bug := findingsOf(c, v.Earlier())
	if bug != "" {
		return found
	}
	same := func(list []check.Finding, f check.Finding) bool {
		return slices.ContainsFunc(list, func(o check.Finding) bool {
			return o.Subject == f.Subject && o.Outcome == f.Outcome && o.Code == f.Code
		})
	}
	for i := range found {
		if !same(was, found[i]) {
			doubt(&found[i], "it was so in the second of two looks only")
		}
	}
	for _, f := range was {
		if f.Outcome == check.Fail && !slices.ContainsFunc(found, func(o check.Finding) bool { return o.Subject == f.Subject && o.Outcome != check.Pass }) {
			doubt(&f, "it was so in the first of two looks only")
			found = append(found, f)
		}
	}
	return found
}

// doubt makes a failure Unseen, and keeps it as evidence.
func doubt(f *check.Finding, why string) {
	if f.Outcome != check.Fail {
		return
	}
	f.Seen = append(slices.Clip(f.Seen), "it looks like "+f.Code+": "+f.Message)
	f.Outcome, f.Code, f.Message, f.Remedy, f.Took = check.Unseen, "", why, "", 0
}

// linked is the check that says whether an inspected mesh is whole.
const linked = "mesh/linked"

// inspection adds what is said of an inspected cluster, with the word for its state.
func (p *Profile) inspection(scenarios []Scenario) {
	s, found := find(scenarios, recording.Inspect)
	if !found || s.View == nil {
		return
	}
	p.Inspection = evidence.InspectionOf(s.View)
	p.Inspection.State = "UNKNOWN"
	at := slices.IndexFunc(p.Results, func(r Result) bool { return r.ID == linked })
	switch {
	case p.Inspection.Motion != "":
		p.Inspection.State = "IN MOTION"
	case at < 0:
	case p.Results[at].Verdict == Pass:
		p.Inspection.State = "WHOLE"
	case p.Results[at].Verdict == Skip:
		p.Inspection.State = "ONE NODE"
	case slices.ContainsFunc(p.Results[at].Subjects, func(s Subject) bool { return s.Outcome == check.Fail }):
		p.Inspection.State = "SPLIT"
		if len(p.Inspection.Groups[0].Pods) == 1 {
			p.Inspection.State = "ALONE"
		}
	}
}
