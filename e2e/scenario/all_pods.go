package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/view"
)

// allPods records what happens when all pods of the mesh are deleted at once: no node is left that the new ones could join. What was
// remembered of the old mesh (names, files on a volume) must not keep the new one from forming.
func allPods() Scenario {
	// The new pods form a mesh from nothing.
	budget := func(p *profile.Resolved) time.Duration { return max(p.Budgets.Recovery.D(), p.Budgets.Formation.D()) }
	return Scenario{
		Name:      "all-pods",
		OnRequest: true,
		Estimate:  30 * time.Second,
		Limit:     func(p *profile.Resolved) time.Duration { return 2 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, budget(env.Profile)); err != nil || !ready {
				return err
			}
			members, err := env.members()
			if err != nil {
				return err
			}
			for _, p := range members {
				if err = env.deletePod(ctx, p); err != nil {
					return err
				}
			}
			env.Log(fmt.Sprintf("deleted all %d pods", len(members)))
			return env.await(ctx, budget(env.Profile), env.name()+" to form its mesh again after all pods were deleted", (*view.View).Recovered)
		},
	}
}
