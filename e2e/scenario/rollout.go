package scenario

import (
	"context"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// rollout records what happens to the mesh while pods of the next version replace its pods.
func rollout() Scenario {
	// Each pod that is replaced may take as long as one that was deleted.
	budget := func(p *profile.Resolved) time.Duration {
		return time.Duration(p.Replicas()) * p.Budgets.Recovery.D()
	}
	return Scenario{
		Name: "rollout",
		Once: true,
		Applies: func(p *profile.Resolved) (bool, string) {
			return len(p.Rollout) > 0, "the profile has no next version (spec.rollout)"
		},
		Estimate: 40 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return 2 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, budget(env.Profile)); err != nil || !ready {
				return err
			}
			env.Did(recording.Act{Do: recording.Rollout})
			if err := env.Workload.BeginRollout(ctx); err != nil {
				return err
			}
			env.Log("set the pod templates of the next version")
			return env.await(ctx, budget(env.Profile), env.name()+" to have only pods of the next version in its mesh", (*view.View).RolledOut)
		},
	}
}
