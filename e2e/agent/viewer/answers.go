package viewer

import (
	"context"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/recording"
)

// A plan's reads are done once a second. An answer that is the same as the one before it is recorded again after a while: what is
// old by then is not what the node would answer now.
const (
	answersEvery = time.Second
	answersAgain = 5 * time.Second
)

// answered is the last answer to a read.
type answered struct {
	asked, recorded time.Time
	answer          recording.Answer // without its times
}

// recordAnswers does the plan's reads. It returns false if the connection has failed.
func (v *Viewer) recordAnswers(ctx context.Context) bool {
	for _, r := range v.Plan().Reads {
		last := v.answered[r.Name]
		began := time.Now()
		if began.Sub(last.asked) < answersEvery {
			continue
		}
		short, cancel := context.WithTimeout(ctx, v.Timeout)
		names, err := v.read(short, r)
		cancel()
		if ctx.Err() != nil {
			return true
		}
		slices.Sort(names)
		now := recording.Answer{Pod: v.Pod.UID, Name: r.Name, Outcome: recording.Outcome(erldist.OutcomeOf(err)), Answer: strings.Join(names, "\n"), Detail: errorText(err)}
		last.asked = began
		if now != last.answer || began.Sub(last.recorded) >= answersAgain {
			last.answer, last.recorded = now, began
			e := now
			e.Took = time.Since(began)
			v.Emit(recording.Event{Answer: &e})
		}
		v.answered[r.Name] = last
		if err != nil && v.conn.Err() != nil {
			return false
		}
	}
	return true
}

func (v *Viewer) read(ctx context.Context, r agent.Read) ([]string, error) {
	switch r.What {
	case agent.RunningDBNodes:
		return v.conn.RunningDBNodes(ctx)
	default:
		return nil, erldist.ErrForbidden // no plan has it: [agent.Plan.Check]
	}
}
