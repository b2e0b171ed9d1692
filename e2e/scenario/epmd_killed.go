package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// epmdKilled records what happens when epmd of one pod has died, which nobody notices in a full mesh, and another pod is replaced: the
// new node cannot learn the port of the node whose epmd is gone, and depends on being found by that one.
func epmdKilled() Scenario {
	budget := func(p *profile.Resolved) time.Duration { return p.Budgets.Recovery.D() }
	return Scenario{
		Name:      "epmd-killed",
		OnRequest: true,
		Kills:     true,
		Applies: func(p *profile.Resolved) (bool, string) {
			return p.EPMDPort != 0 && p.Replicas() > 1, "its nodes use no epmd, or there is only one"
		},
		Estimate: 30 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return 3 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, budget(env.Profile)); err != nil || !ready {
				return err
			}
			less := false
			if env.Ask(func(v *view.View) { less = v.EPMDLess() }); less {
				return nil
			}
			members, err := env.members()
			if err != nil || len(members) < 2 {
				return err
			}
			victim, without := members[0], members[1]
			if err = env.Workload.KillEPMD(ctx, without); err != nil {
				return fmt.Errorf("killing epmd of %s: %w", without.Name, err)
			}
			env.Did(recording.Act{Do: recording.KillEPMD, Pod: without.UID, Detail: without.Name})
			env.Log("killed epmd of " + without.Name)
			if err = env.await(ctx, budget(env.Profile), "epmd of "+without.Name+" to be gone", (*view.View).EPMDGone); err != nil {
				return err
			}
			if err = env.deletePod(ctx, victim); err != nil {
				return err
			}
			env.Log("deleted pod " + victim.Name)
			return env.await(ctx, budget(env.Profile), env.name()+" to recover from the deletion of "+victim.Name, (*view.View).Recovered)
		},
		// A pod gets its epmd back when it is replaced.
		Undo: func(ctx context.Context, env *Env) error { return env.Workload.ReplaceWithoutEPMD(ctx) },
	}
}
