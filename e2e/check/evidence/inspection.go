package evidence

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Inspection is what an inspection has to say beside its checks.
type Inspection struct {
	State   string             `json:"state"`             // the headline's first word: WHOLE, SPLIT, ALONE, IN MOTION, ONE NODE or UNKNOWN
	At      time.Time          `json:"at"`                // when it was seen
	Motion  string             `json:"motion,omitempty"`  // what changes while it is looked at
	Since   time.Time          `json:"since,omitzero"`    // the first sign in the logs that nodes are apart: it may have begun before
	Groups  []Group            `json:"groups,omitempty"`  // between which there is no link, the largest first
	Pods    []string           `json:"pods,omitempty"`    // in the order of the matrix
	Matrix  []string           `json:"matrix,omitempty"`  // a row for each pod: = a link in both socket tables, ~ in one, . none, ? not known, - itself
	Changes []recording.Change `json:"changes,omitempty"` // the youngest first
	Did     string             `json:"did,omitempty"`     // in the cluster
	Cannot  []string           `json:"cannot,omitempty"`  // see, and why
}

// Group is a part of the mesh that has no link to any other.
type Group struct {
	Pods      []string `json:"pods"`
	Revisions []string `json:"revisions,omitempty"` // of its pods, each once
}

// InspectionOf is what the recording of an inspection has to say. Its State is the judge's.
func InspectionOf(v *view.View) *Inspection {
	l := LinkedOf(v)
	i := &Inspection{At: v.Header.Start.Add(v.End()).UTC(), Motion: v.InMotion(), Changes: v.Changes(), Did: v.Did(), Cannot: v.Cannot()}
	for at, p := range l.Pods {
		i.Pods = append(i.Pods, p.Name)
		row := ""
		for j := range l.Pods {
			if at == j {
				row += "-"
			} else {
				row += string(signs[l.Tie(at, j)])
			}
		}
		i.Matrix = append(i.Matrix, row)
	}
	for _, pods := range l.Groups {
		var g Group
		for _, p := range pods {
			g.Pods = append(g.Pods, p.Name)
			if r := p.Last().Revision; r != "" && !slices.Contains(g.Revisions, r) {
				g.Revisions = append(g.Revisions, r)
			}
		}
		if len(g.Pods) > 0 {
			i.Groups = append(i.Groups, g)
		}
	}
	for at := range l.Pods {
		for j := range l.Pods {
			if at == j || l.Tie(at, j) != TieNone {
				continue
			}
			for _, r := range l.RejectedBy(at, j) {
				if i.Since.IsZero() || r.At.Before(i.Since) {
					i.Since = r.At
				}
			}
		}
	}
	return i
}

// signs are those of the matrix.
const signs = "?.~="

// Whole reports whether there is a link in both socket tables of any two of the pods, of which there are at least two.
func (l *Linked) Whole() bool {
	for i := range l.Pods {
		for j := range i {
			if l.Tie(i, j) != TieBoth {
				return false
			}
		}
	}
	return len(l.Pods) > 1
}
