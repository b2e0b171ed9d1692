package judge

import (
	"meshproof.dev/meshproof/e2e/recording"
)

// Vantage says how much was seen of a workload that no agent observed.
type Vantage struct {
	Reason string `json:"reason"` // why there was no agent: the API server's own sentence
	Seen   int    `json:"seen"`   // checks that were seen …
	Apply  int    `json:"apply"`  // … of those that apply
}

// full is the check that must be seen, whatever is accepted.
const full = "mesh/full"

// vantage counts what was seen, if no agent observed.
func (p *Profile) vantage(scenarios []Scenario) {
	reason := ""
	for _, s := range scenarios {
		switch {
		case s.View != nil && s.View.Unseen(recording.AnAgent) != "":
			reason = s.View.Unseen(recording.AnAgent)
		case s.View == nil && s.NoAgent != "":
			reason = s.NoAgent
		}
	}
	if reason == "" {
		return
	}
	p.Vantage = &Vantage{Reason: reason}
	for _, r := range p.Results {
		if r.Verdict == Skip {
			continue
		}
		if p.Vantage.Apply++; r.Unseen == "" {
			p.Vantage.Seen++
		}
	}
}

// outOfSight is why nobody was where the result can be seen from, "" if something else made it unknown, or a part of it.
func outOfSight(r Result) (why string) {
	if r.Verdict != Unknown {
		return ""
	}
	for _, s := range r.Subjects {
		switch {
		case s.Verdict != Unknown:
		case s.Vantage == "":
			return ""
		case why == "":
			why = s.Vantage
		}
	}
	return why
}

// AcceptUnseen accepts the results that are unknown only because no agent could observe. Whether the mesh is full, or linked, is never accepted
// unseen: without that, nothing was shown.
func (p *Profile) AcceptUnseen() {
	for i := range p.Results {
		r := &p.Results[i]
		if r.Verdict != Unknown || r.Unseen == "" || r.ID == full || r.ID == linked {
			continue
		}
		r.Verdict, r.Reason = Accepted, "accepted as unseen: "+r.Unseen
		for j := range r.Subjects {
			if r.Subjects[j].Verdict == Unknown {
				r.Subjects[j].Verdict = Accepted
			}
		}
	}
}

// Accepted is how many results are accepted although nobody could see them.
func (p Profile) Accepted() (n int) {
	for _, r := range p.Results {
		if r.Verdict == Accepted {
			n++
		}
	}
	return n
}
