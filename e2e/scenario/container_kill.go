package scenario

import (
	"context"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/view"
)

// containerKill records what happens to the mesh when the VM of one pod is killed. The kubelet starts the container again: the
// pod, its address and the node's name stay, only the creation is new. So the peers know the node that comes back.
func containerKill() Scenario {
	return Scenario{
		Name:      "container-kill",
		OnRequest: true,
		Kills:     true,
		Estimate:  20 * time.Second,
		Limit:     func(p *profile.Resolved) time.Duration { return 2 * p.Budgets.Recovery.D() },
		Run: func(ctx context.Context, env *Env) error {
			budget := env.Profile.Budgets.Recovery.D()
			if ready, err := env.healthy(ctx, budget); err != nil || !ready {
				return err
			}
			victim, err := env.victim()
			if err != nil {
				return err
			}
			if err = env.killVM(ctx, victim); err != nil {
				return err
			}
			return env.await(ctx, budget, env.name()+" to recover from the end of the VM of "+victim.Name, (*view.View).Restarted)
		},
	}
}
