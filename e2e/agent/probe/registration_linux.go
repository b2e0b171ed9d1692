package probe

import (
	"context"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// registerEvery is how often the pod's own epmd is asked for each of its names, of which there may be maxNames: a remote
// shell and a release's command are names, too.
const (
	registerEvery = 10 * time.Second
	maxNames      = 8
)

// registrar asks the pod's own epmd about its names one by one: whenever they are others than before, and now and then.
type registrar struct {
	names []string
	at    time.Time
}

// ask takes what epmd has just listed.
func (r *registrar) ask(ctx context.Context, w *watch, addr string, listed []erldist.Name) {
	var names []string
	for _, n := range listed {
		if !slices.Contains(names, n.Name) && len(names) < maxNames {
			names = append(names, n.Name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	if slices.Equal(names, r.names) && time.Since(r.at) < registerEvery {
		return
	}
	r.names, r.at = names, time.Now()
	for _, name := range names {
		short, cancel := context.WithTimeout(ctx, agent.DialTimeout)
		p, err := erldist.Port(short, w.dial, addr, name)
		cancel()
		if ctx.Err() != nil {
			return
		}
		e := recording.Registration{Pod: w.pod.UID, Name: name, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Detail: detail(err)}
		if err == nil {
			e.Port, e.Type, e.Protocol, e.Highest, e.Lowest = p.Port, p.Type.String(), int(p.Protocol), int(p.Highest), int(p.Lowest)
		}
		w.emit(recording.Event{Registration: &e})
	}
}
