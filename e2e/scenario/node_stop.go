package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// lossTime is how long a cluster of ours may take, beside the recovery of the mesh, to notice that a node is lost and to replace
// its pods (package target sets both times), and the nodes of the mesh to notice it with a net_ticktime of a minute.
const lossTime = 90 * time.Second

// nodeStop records what happens to the mesh when a node of the cluster is lost: from one moment to the next it is cut off from the
// network. Nobody closes its connections. After a while Kubernetes replaces its pods on other nodes, but for those of a StatefulSet,
// which it cannot know to have ended.
func nodeStop() Scenario {
	budget := func(p *profile.Resolved) time.Duration { return p.Budgets.Recovery.D() + lossTime }
	return Scenario{
		Name:      "node-stop",
		OnRequest: true,
		Scope:     OfNode,
		Nodes:     spare,
		LosesNode: true,
		Estimate:  120 * time.Second,
		Limit:     func(p *profile.Resolved) time.Duration { return 2 * budget(p) },
		Run: func(ctx context.Context, env *Env) error {
			if ready, err := env.healthy(ctx, env.Profile.Budgets.Recovery.D()); err != nil || !ready {
				return err
			}
			node, err := env.aWorker()
			if err != nil {
				return err
			}
			lost, err := env.on(node)
			if err != nil {
				return err
			}
			// It is cut off for as long as the scenario may take, however this process ends.
			if err = env.Workload.CutOff(ctx, node, 2*budget(env.Profile)); err != nil {
				return fmt.Errorf("cutting off node %s: %w", node, err)
			}
			for _, p := range lost {
				env.Did(recording.Act{Do: recording.CutNode, Pod: p.UID, Detail: p.Name + " with node " + node})
			}
			env.Log(fmt.Sprintf("cut off node %s with %d pods", node, len(lost)))
			return env.await(ctx, budget(env.Profile), env.name()+" to go on without node "+node, (*view.View).WithoutNode)
		},
		Undo: func(ctx context.Context, env *Env) error { return env.Workload.Rejoin(ctx) },
	}
}

// aWorker is the node of a member of the mesh that may be cut off, chosen by the run's seed.
func (env *Env) aWorker() (string, error) {
	members, err := env.members()
	for _, p := range members {
		if node := p.Last().Node; env.Workload.MayCutOff(node) {
			return node, nil
		}
	}
	return "", cmp.Or(err, errors.New("every pod runs on the node of the control plane, which is not cut off: nothing was done"))
}
