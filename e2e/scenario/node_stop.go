package scenario

import (
	"context"
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
			lost, err := env.fewest(env.Workload.MayCutOff)
			if err != nil {
				return err
			}
			if len(lost) == 0 {
				const why = "no member of the mesh runs on a worker that may be cut off while another one remains elsewhere"
				env.Did(recording.Act{Do: recording.NotDone, Detail: why})
				env.Log("nothing was cut off: " + why)
				return nil
			}
			node := lost[0].Last().Node
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

// fewest are the members on the node that has the fewest of them, of those that may be used, so that there is a mesh without them. Of several
// such nodes the run's seed chooses. None if no other member would remain.
func (env *Env) fewest(may func(node string) bool) (lost []*view.Pod, err error) {
	members, err := env.members()
	on := map[string][]*view.Pod{}
	for _, p := range members {
		on[p.Last().Node] = append(on[p.Last().Node], p)
	}
	for _, p := range members {
		node := p.Last().Node
		if n := len(on[node]); n < len(members) && may(node) && (lost == nil || n < len(lost)) {
			lost = on[node]
		}
	}
	return lost, err
}
