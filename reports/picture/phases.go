package picture

import (
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/view"
)

// Phase is one part of a scenario, from one thing that was seen to the next ([view.Phase]).
type Phase struct {
	Name   string        `json:"name"`
	On     string        `json:"on,omitempty"`  // the pod that saw it, where each sees it for itself
	Pod    string        `json:"pod,omitempty"` // the pod that it is about
	From   time.Duration `json:"from"`
	To     time.Duration `json:"to"`               // where it is open: the end of the recording
	Error  time.Duration `json:"error,omitempty"`  // To may be off by so much either way
	Budget time.Duration `json:"budget,omitempty"` // how long it may take, where the profile limits it
	Open   bool          `json:"open,omitempty"`   // it was not over when the recording ended
	Unseen string        `json:"unseen,omitempty"` // why it is not known when it was over
}

// Took is how long it took.
func (p Phase) Took() time.Duration { return view.Phase(p).Took() }

// Known reports whether it is known how long it took.
func (p Phase) Known() bool { return view.Phase(p).Known() }

// Group is what is told of the phases of one name: the one of all pods that took longest, or that is not known.
type Group struct {
	Phase
	Of int // how many phases have the name
}

// Title is the phase's name, and on how many pods it was.
func (g Group) Title() string {
	if g.Of == 1 {
		return g.Name
	}
	return fmt.Sprintf("%s (the slowest of %d)", g.Name, g.Of)
}

// Exactly is how long it took and how far that may be off, or why it is not known.
func (g Group) Exactly() string {
	switch {
	case g.Unseen != "":
		return "not seen"
	case g.Open:
		return "not seen to end"
	case g.Error < time.Millisecond:
		return brief(g.Took())
	}
	return fmt.Sprintf("%s ± %d ms", brief(g.Took()), g.Error.Milliseconds())
}

func brief(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// Grouped are the phases of each name together, in their order. Of one name it is that which is not known, or else took longest.
func Grouped(all []Phase) []Group {
	var groups []Group
	at := map[string]int{}
	for _, p := range all {
		i, there := at[p.Name]
		if !there {
			at[p.Name] = len(groups)
			groups = append(groups, Group{Phase: p, Of: 1})
			continue
		}
		g := &groups[i]
		g.Of++
		if g.Known() && (!p.Known() || p.Took() > g.Took()) {
			g.Phase = p
		}
	}
	return groups
}

// Slowest is the phase that took longest of those that are no sum of others; false if none is known.
func Slowest(all []Phase) (g Group, ok bool) {
	for _, q := range Grouped(all) {
		if q.Known() && !view.Sums(q.Name) && (!ok || q.Took() > g.Took()) {
			g, ok = q, true
		}
	}
	return g, ok
}

// Short is what is kept of a recording that nobody looks at alone: its phases.
func Short(v *view.View) *Picture {
	p := &Picture{Scenario: v.Header.Scenario, Start: v.Header.Start, End: v.End(), Cut: v.Killed(), Expected: v.Profile.Replicas()}
	p.phases(v)
	return p
}

// phases are those of the view. Full is when the mesh was full, or full again.
func (p *Picture) phases(v *view.View) {
	for _, ph := range v.Phases() {
		p.Phases = append(p.Phases, Phase(ph))
		if ph.Known() && view.Fills(ph.Name) {
			p.Full = ph.To
		}
	}
}
