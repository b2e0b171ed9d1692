package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// How long a pod of a running cluster may take for what it does anyway: what it has not reached by then, it does not reach by itself.
const (
	justCreated = 30 * time.Second // for its node to find its peers
	justStarted = 15 * time.Second // the same, of a container that was started again
	mayStart    = 5 * time.Minute  // to become Ready for the first time
	mayWait     = 2 * time.Minute  // to be scheduled, and to get its images and volumes
	mayLinger   = 30 * time.Second // for its object to go after its grace period
)

// InMotion says what changes in an inspected cluster while it is looked at: a rollout, a scaling, a pod that starts. "" if nothing
// does. What is wrong meanwhile may be right in a minute. A pod that fails again and again is no such change.
func (v *View) InMotion() string {
	if !v.Inspected() {
		return ""
	}
	now := v.Header.Start.Add(v.end)
	var all []string
	for _, p := range v.Pods() {
		if why := v.moves(p, now); why != "" {
			all = append(all, p.Name+" "+why)
		}
	}
	const most = 3
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(all, "; ")
}

// moves says what changes about a pod, "" if nothing does.
func (v *View) moves(p *Pod, now time.Time) string {
	s, age := p.Last(), now.Sub(p.Last().Created)
	was := p.states[0].Pod
	switch {
	case s.Gone:
		return "went away during the inspection"
	case s.Deleting && now.Before(s.DeleteBy.Add(mayLinger)):
		return "is being deleted"
	case s.Deleting:
		return "" // it should be gone, and is not
	case v.Earlier() != nil && v.earlier.pods[p.UID] == nil:
		return "came during the inspection"
	case s.Ready != was.Ready:
		return "changed between Ready and not Ready during the inspection"
	case age < justCreated:
		return fmt.Sprintf("was created %.0f s ago", age.Seconds())
	case s.Ready:
		for _, c := range s.Containers {
			if ran := now.Sub(c.Started); c.State == "running" && ran < justStarted {
				return fmt.Sprintf("was started again %.0f s ago", ran.Seconds())
			}
		}
		return ""
	case slices.ContainsFunc(s.Containers, func(c recording.Container) bool { return c.Restarts > 0 || c.State == "terminated" }):
		return "" // it fails
	case runs(s) && !slices.ContainsFunc(s.Containers, func(c recording.Container) bool { return now.Sub(c.Started) >= mayStart }):
		return fmt.Sprintf("starts, and is not Ready yet, %.0f s after it was created", age.Seconds())
	case !runs(s) && age < mayWait && !slices.ContainsFunc(s.Containers, lacksImage):
		return fmt.Sprintf("was created %.0f s ago and does not run yet", age.Seconds())
	}
	return ""
}
