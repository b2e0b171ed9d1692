package viewer

import (
	"context"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// registrationsEvery is the interval at which the pod's own epmd is queried for each of its names. maxNames limits them:
// remote shells and commands of a release register names, too.
const (
	registrationsEvery = 10 * time.Second
	maxNames           = 8
)

// Registrations queries the pod's own epmd for each of its names: when the names have changed, and at an interval.
type Registrations struct {
	names []string
	at    time.Time
}

// Ask queries epmd for the names in listed, if they have changed or the interval is over.
func (r *Registrations) Ask(ctx context.Context, s *Source, addr string, listed []erldist.Name) {
	var names []string
	for _, n := range listed {
		if !slices.Contains(names, n.Name) && len(names) < maxNames {
			names = append(names, n.Name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	if slices.Equal(names, r.names) && time.Since(r.at) < registrationsEvery {
		return
	}
	r.names, r.at = names, time.Now()
	for _, name := range names {
		short, cancel := context.WithTimeout(ctx, s.Timeout)
		p, err := erldist.Port(short, s.Dial, addr, name)
		cancel()
		if ctx.Err() != nil {
			return
		}
		e := recording.Registration{Pod: s.Pod.UID, Name: name, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Detail: errorText(err)}
		if err == nil {
			e.Port, e.Type, e.Protocol, e.Highest, e.Lowest = p.Port, p.Type.String(), int(p.Protocol), int(p.Highest), int(p.Lowest)
		}
		s.Emit(recording.Event{Registration: &e})
	}
}
