package scenario

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// askAgain is how long to wait before a command is run again in each pod: each run may start a VM there.
const askAgain = 3 * time.Second

// Agree is the end of each scenario that changes the mesh: where it is full, the nodes are asked what they have to answer alike, until they do or
// the profile's budget for that is spent.
func (env *Env) Agree(ctx context.Context) error {
	questions := env.Profile.Expect.Agree
	full := false
	env.Ask(func(v *view.View) { full, _ = v.Held(0) })
	if len(questions) == 0 || !full {
		return nil
	}
	commands := slices.DeleteFunc(slices.Clone(questions), func(q profile.Agreement) bool { return len(q.Run) == 0 })
	end := time.Now().Add(env.Profile.Budgets.Agreement.D())
	for {
		if err := env.askAll(ctx, commands); err != nil {
			return err
		}
		left := time.Until(end)
		wait := left
		if len(commands) > 0 {
			wait = min(wait, askAgain)
		}
		missing, err := env.Until(ctx, max(wait, 0), env.name()+" to answer alike on all nodes", (*view.View).Agreed)
		if err != nil || missing == "" {
			return err
		}
		if wait == left {
			env.Log("the nodes do not answer alike: " + missing)
			return nil
		}
	}
}

// askAll runs the commands once in each member, in all of them at the same time.
func (env *Env) askAll(ctx context.Context, commands []profile.Agreement) error {
	if len(commands) == 0 {
		return nil
	}
	var members []*view.Pod
	env.Ask(func(v *view.View) { members = v.Expected(v.End()) })
	var wg sync.WaitGroup
	errs := make([]error, len(members))
	for i, p := range members {
		guard.Go(&wg, func(err error) { errs[i] = err }, func() {
			for _, q := range commands {
				e := env.Workload.Exec(ctx, p, profile.Command{Name: q.Name, Run: q.Run})
				if ctx.Err() != nil {
					return
				}
				env.Sink(recording.Event{T: env.Now(), By: recording.ByRun, Answer: answerOf(&e)})
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// answerOf is what a command answered. One that fails has answered nothing.
func answerOf(e *recording.Exec) *recording.Answer {
	a := &recording.Answer{Pod: e.Pod, Name: e.Name, Outcome: e.Outcome, Answer: alike(e.Output), Detail: e.Detail, Took: e.Took}
	switch {
	case a.Outcome != recording.OK:
	case e.Code != 0:
		a.Outcome, a.Detail = recording.ProbeError, strings.Join(strings.Fields(fmt.Sprintf("exit code %d: %s %s", e.Code, e.Detail, e.Output)), " ")
	case a.Answer == "":
		a.Outcome, a.Detail = recording.ProbeError, "no output" // a stream may lose it
	}
	if a.Outcome != recording.OK {
		a.Answer = ""
	}
	return a
}

// nodeName is a line that is nothing but the name of a node.
var nodeName = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)

// alike is an output without what may differ although it says the same: white space at the ends of lines, and the order of names of nodes.
func alike(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	names := true
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
		names = names && nodeName.MatchString(lines[i])
	}
	if names {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}
