package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// more is how many replicas are added: two, because the second newcomer has to find the first one, too.
const more = 2

// scale records what happens to the mesh when its workload gets more replicas, and then loses them again.
func scale() Scenario {
	budget := func(p *profile.Resolved) time.Duration { return p.Budgets.Recovery.D() }
	return Scenario{
		Name:      "scale",
		OnRequest: true,
		Applies: func(p *profile.Resolved) (bool, string) {
			if w := p.Scalable(); w != nil {
				return true, ""
			}
			return false, "no Deployment or StatefulSet of it can be scaled"
		},
		More:     more,
		Estimate: 40 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return 3 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, budget(env.Profile)); err != nil || !ready {
				return err
			}
			w := env.Profile.Scalable()
			for _, n := range []int{w.Replicas + more, w.Replicas} {
				what := fmt.Sprintf("%s/%s to %d replicas", w.Kind, w.Name, n)
				env.Did(recording.Act{Do: recording.Scale, Detail: what, Replicas: env.Profile.Replicas() - w.Replicas + n})
				if err := env.Workload.Scale(ctx, w.Kind, w.Name, n); err != nil {
					return fmt.Errorf("scaling %s: %w", what, err)
				}
				env.Log("scaled " + what)
				if err := env.await(ctx, budget(env.Profile), env.name()+" to be a mesh of that size", (*view.View).Scaled); err != nil {
					return err
				}
			}
			return nil
		},
		// Scaling back is a part of the scenario, but an interrupted one has not done it.
		Undo: func(ctx context.Context, env *Env) error {
			w := env.Profile.Scalable()
			return env.Workload.Scale(ctx, w.Kind, w.Name, w.Replicas)
		},
	}
}
