package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
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
			var vm *recording.VM
			env.Ask(func(*view.View) { vm = victim.VM() })
			if vm == nil {
				return errors.New("no agent saw the VM of " + victim.Name + ", so none can kill it")
			}
			env.Did(recording.Act{Do: recording.KillContainer, Pod: victim.UID, Detail: victim.Name})
			if err = env.Workload.KillVM(ctx, victim, vm.PID); err != nil {
				return fmt.Errorf("killing the VM of %s: %w", victim.Name, err)
			}
			env.Log("killed the VM of " + victim.Name)
			return env.await(ctx, budget, env.name()+" to recover from the end of the VM of "+victim.Name, (*view.View).Restarted)
		},
	}
}
