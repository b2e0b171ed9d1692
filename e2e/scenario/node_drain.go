package scenario

import (
	"context"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// spare is how many nodes a cluster needs for one of them to go away: pods of the two others are a mesh of their own.
const spare = 3

// nodeDrain records what happens to the mesh when a node of the cluster is drained for maintenance: it takes no more pods, and those
// of the workload are evicted, as kubectl drain does. A PodDisruptionBudget may delay that.
func nodeDrain() Scenario {
	budget := func(p *profile.Resolved) time.Duration {
		return time.Duration(p.Replicas()) * p.Budgets.Recovery.D() // all pods may be on one node
	}
	return Scenario{
		Name:      "node-drain",
		OnRequest: true,
		Scope:     OfNode,
		Nodes:     spare,
		Estimate:  30 * time.Second,
		Limit:     func(p *profile.Resolved) time.Duration { return 2 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, budget(env.Profile)); err != nil || !ready {
				return err
			}
			evicted, err := env.fewest(func(string) bool { return true })
			if err != nil {
				return err
			}
			if len(evicted) == 0 { // all are on one node
				if evicted, err = env.members(); err != nil {
					return err
				}
			}
			node := evicted[0].Last().Node
			if err = env.Workload.Cordon(ctx, node); err != nil {
				return fmt.Errorf("cordoning node %s: %w", node, err)
			}
			env.Did(recording.Act{Do: recording.Cordon, Detail: node})
			for _, p := range evicted {
				env.Did(recording.Act{Do: recording.EvictPod, Pod: p.UID, Detail: p.Name + " from node " + node})
				if err = env.Workload.EvictPod(ctx, p.Name, budget(env.Profile)); err != nil {
					return fmt.Errorf("evicting pod %s: %w", p.Name, err)
				}
			}
			env.Log(fmt.Sprintf("drained node %s of %d pods", node, len(evicted)))
			return env.await(ctx, budget(env.Profile), env.name()+" to recover from the drain of node "+node, (*view.View).Recovered)
		},
		Undo: func(ctx context.Context, env *Env) error { return env.Workload.Uncordon(ctx) },
	}
}
