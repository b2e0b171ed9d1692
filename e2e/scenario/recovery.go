package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// recovery records what happens to the mesh when one of its pods is deleted.
func recovery() Scenario {
	return Scenario{
		Name:     "recovery",
		Estimate: 25 * time.Second,
		Limit:    func(p *profile.Resolved) time.Duration { return 2 * p.Budgets.Recovery.D() },
		Run: func(ctx context.Context, env *Env) error {
			budget := env.Profile.Budgets.Recovery.D()
			if ready, err := env.healthy(ctx, budget); err != nil || !ready {
				return err
			}
			victim, err := env.victim()
			if err != nil {
				return err
			}
			if err = env.deletePod(ctx, victim); err != nil {
				return err
			}
			env.Log("deleted pod " + victim.Name)
			return env.await(ctx, budget, env.name()+" to recover from the deletion of "+victim.Name, (*view.View).Recovered)
		},
	}
}

// victim is the member of the mesh that is deleted or killed, chosen by the run's seed.
func (env *Env) victim() (*view.Pod, error) {
	members, err := env.members()
	if err != nil {
		return nil, err
	}
	return members[0], nil
}

// deletePod deletes a pod, as kubectl does, and records when.
func (env *Env) deletePod(ctx context.Context, p *view.Pod) error {
	env.Did(recording.Act{Do: recording.DeletePod, Pod: p.UID, Detail: p.Name})
	if err := env.Workload.DeletePod(ctx, p.Name); err != nil {
		return fmt.Errorf("deleting pod %s: %w", p.Name, err)
	}
	return nil
}
