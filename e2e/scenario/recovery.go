package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
			env.Did(recording.Act{Do: recording.DeletePod, Pod: victim.UID, Detail: victim.Name})
			if err = env.Workload.DeletePod(ctx, victim.Name); err != nil {
				return fmt.Errorf("deleting pod %s: %w", victim.Name, err)
			}
			env.Log("deleted pod " + victim.Name)
			return env.await(ctx, budget, env.name()+" to recover from the deletion of "+victim.Name, (*view.View).Recovered)
		},
	}
}

// victim is the member of the mesh that is deleted or killed, chosen by the run's seed.
func (env *Env) victim() (*view.Pod, error) {
	members := env.members()
	if len(members) == 0 {
		return nil, errors.New("the mesh was complete, and a moment later no pod of it is ready: nothing was done to any")
	}
	return members[uint64(env.Seed)%uint64(len(members))], nil // unsigned: a seed may be negative, a place in a list may not
}

// members are the members of the mesh now, by name.
func (env *Env) members() (all []*view.Pod) {
	env.Ask(func(v *view.View) {
		all = slices.SortedFunc(slices.Values(v.Expected(v.End())), func(a, b *view.Pod) int { return strings.Compare(a.Name, b.Name) })
	})
	return all
}

// on are the members on that node of the cluster.
func (env *Env) on(node string) []*view.Pod {
	return slices.DeleteFunc(env.members(), func(p *view.Pod) bool { return p.Last().Node != node })
}
