package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// podDeleteForced records what happens to the mesh when a pod is deleted without a grace period, as people do with pods that hang:
// its object is gone at once, and a replacement may run before the old VM has ended.
func podDeleteForced() Scenario {
	return Scenario{
		Name:      "pod-delete-forced",
		OnRequest: true,
		Estimate:  25 * time.Second,
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
			env.Did(recording.Act{Do: recording.ForceDelete, Pod: victim.UID, Detail: victim.Name})
			if err = env.Workload.ForceDeletePod(ctx, victim.Name); err != nil {
				return fmt.Errorf("deleting pod %s by force: %w", victim.Name, err)
			}
			env.Log("deleted pod " + victim.Name + " without a grace period")
			return env.await(ctx, budget, env.name()+" to recover from the forced deletion of "+victim.Name, (*view.View).Recovered)
		},
	}
}
