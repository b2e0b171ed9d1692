package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// killInPartition records what happens when a node dies and starts again while its link to another one is cut: the other has lost it
// once already, and meets a new creation under the old name when the link is back.
func killInPartition() Scenario {
	s := faulty{
		name: "kill-in-partition", replicas: 2, estimate: 60 * time.Second, limit: 2 * view.MaxPartition,
		faults: func(m []*view.Pod, _ time.Duration) []Fault {
			return []Fault{{Do: recording.FaultCut, Pod: m[0], Peer: m[1]}}
		},
		window: untilNoticed, holds: (*view.View).CutNoticed,
		then: func(ctx context.Context, env *Env, m []*view.Pod) error {
			if err := env.killVM(ctx, m[0]); err != nil {
				return err
			}
			_, err := env.Until(ctx, env.Profile.Budgets.Recovery.D(), "the VM of "+m[0].Name+" to be back", func(v *view.View) (bool, string) {
				act, _ := v.Act(recording.KillContainer)
				_, back := m[0].BackAgain(act.T, v.End())
				return back, "the node of " + m[0].Name + " was not seen under a new creation yet"
			})
			return err
		},
	}.scenario()
	s.Kills = true
	return s
}

// killVM kills the VM of a pod.
func (env *Env) killVM(ctx context.Context, p *view.Pod) error {
	var vm *recording.VM
	env.Ask(func(*view.View) { vm = p.VM() })
	if vm == nil {
		return errors.New("no agent saw the VM of " + p.Name + ", so none can kill it")
	}
	env.Did(recording.Act{Do: recording.KillContainer, Pod: p.UID, Detail: p.Name})
	if err := env.Workload.KillVM(ctx, p, vm.PID); err != nil {
		return fmt.Errorf("killing the VM of %s: %w", p.Name, err)
	}
	env.Log("killed the VM of " + p.Name)
	return nil
}
