package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/view"
)

// faulty is a scenario that puts network faults into pods of a formed mesh, for as long as hold takes and no longer than limit, and
// then watches the mesh repair itself.
type faulty struct {
	name     Name
	replicas int // the least that it needs
	estimate time.Duration
	limit    time.Duration
	faults   func(members []*view.Pod, window time.Duration) []Fault
	// window is how long hold may take. It is asked when the mesh is healthy, and says why the scenario cannot be made. Nil: limit.
	window func(v *view.View, members []*view.Pod) (time.Duration, string)
	// holds reports whether the faults have been there for long enough; what is missing if not. Nil: when the window is over.
	holds func(v *view.View) (bool, string)
}

func (f faulty) scenario() Scenario {
	return Scenario{
		Name:      f.name,
		OnRequest: true,
		Faults:    true,
		Applies: func(p *profile.Resolved) (bool, string) {
			switch {
			case p.Expect.Topology == profile.NoMesh:
				return false, "the profile expects no connections between nodes (expect.topology: none)"
			case p.Replicas() < f.replicas:
				return false, fmt.Sprintf("it needs %d replicas, and the profile has %d", f.replicas, p.Replicas())
			}
			return true, ""
		},
		Estimate: f.estimate,
		Limit:    func(p *profile.Resolved) time.Duration { return 2*p.Budgets.Recovery.D() + f.limit + healLimit },
		Run:      f.run,
	}
}

// healLimit is how long it may take until faults are known to be gone: their lease, where an agent does not answer.
const healLimit = 30 * time.Second

func (f faulty) run(ctx context.Context, env *Env) error {
	budget := env.Profile.Budgets.Recovery.D()
	if ready, err := env.healthy(ctx, budget); err != nil || !ready {
		return err
	}
	members, err := env.members()
	if err != nil {
		return err
	}
	if len(members) < f.replicas {
		env.Log(fmt.Sprintf("nothing was injected: it needs %d members, and the mesh has %d", f.replicas, len(members)))
		return nil
	}
	window, why := f.limit, ""
	if f.window != nil {
		env.Ask(func(v *view.View) { window, why = f.window(v, members) })
	}
	if why != "" {
		env.Log("nothing was injected: " + why)
		return nil
	}
	return env.disturb(ctx, f.faults(members, window), window, f.holds)
}

// disturb puts the faults in place, holds them, heals them and waits until the mesh has repaired itself. The faults that end by
// themselves are over when they were put in place. Where they do not bite, they are healed at once.
func (env *Env) disturb(ctx context.Context, faults []Fault, window time.Duration, holds func(v *view.View) (bool, string)) error {
	err := env.Workload.Inject(ctx, faults...)
	if err != nil {
		env.Log(err.Error())
	}
	void := ""
	env.Ask(func(v *view.View) { void = v.Void() })
	lasting := slices.ContainsFunc(faults, func(f Fault) bool { return f.For == 0 })
	if void == "" && ctx.Err() == nil {
		env.Log(fmt.Sprintf("%s in %d pods", faults[0].Do, len(faults)))
	}
	if void == "" && lasting {
		if holds == nil {
			holds = func(*view.View) (bool, string) { return false, fmt.Sprintf("it lasts %s", window) }
		}
		if _, err = env.Until(ctx, window, env.name()+" to notice "+faults[0].Do, holds); err != nil {
			return err // whoever deployed the workload heals what is left
		}
	}
	if err = env.Workload.Heal(ctx); err != nil {
		return err
	}
	if void != "" {
		env.Log("the fault did not take its course: " + void)
		return nil
	}
	return env.await(ctx, env.Profile.Budgets.Recovery.D(), env.name()+" to repair its mesh", (*view.View).Repaired)
}

// members are the pods of the mesh, sorted by name, from the one that the run's seed chooses on.
func (env *Env) members() (all []*view.Pod, err error) {
	env.Ask(func(v *view.View) {
		all = slices.SortedFunc(slices.Values(v.Expected(v.End())), func(a, b *view.Pod) int { return strings.Compare(a.Name, b.Name) })
	})
	if len(all) == 0 {
		return nil, errors.New("the mesh was complete, and a moment later no pod of it is ready: nothing was done to any")
	}
	from := int(uint64(env.Seed) % uint64(len(all))) // unsigned: a seed may be negative, a place in a list may not
	return slices.Concat(all[from:], all[:from]), nil
}

// untilNoticed is the time in which the nodes notice that a link is cut, by the settings that they have reported themselves.
func untilNoticed(v *view.View, members []*view.Pod) (time.Duration, string) {
	within, known := v.NoticeWithin(members)
	switch {
	case !known:
		return 0, "net_ticktime of a node could not be read, so it is not known when it would notice"
	case within > view.MaxPartition:
		return 0, fmt.Sprintf("by their net_ticktime the nodes notice a cut link only after %s, and a scenario waits for %s at most", within, view.MaxPartition)
	}
	return within, ""
}
