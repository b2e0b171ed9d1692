package environment

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/workload"
)

// reaperBudget is how long the reaper may take until it runs; its node may have to pull the image first.
const reaperBudget = 60 * time.Second

// BeginRun makes what everything else of the run on the cluster belongs to: the run's root and its namespace, and on a cluster that
// is not ours the Lease and the reaper. named is the name of the run's results. EndRun removes it, however far this came.
func (e *Environment) BeginRun(ctx context.Context, named string) error {
	client, err := kubernetes.NewForConfig(e.Cluster.Config)
	if err != nil {
		return err
	}
	var refused error // why there can be no root
	if ns := e.options.Namespace; ns != "" {
		e.Run, e.Agents = ownership.NewWithin(ns), ns
	} else {
		e.Run = ownership.New()
		e.Agents = e.Run.Name
		refused = e.Run.CreateRoot(ctx, client, named)
		if refused != nil && (e.Cluster.Owned || !ownership.Refused(refused)) {
			return refused
		}
		if err = e.Run.CreateNamespace(ctx, client, e.Run.Name, true); err != nil || e.Cluster.Owned {
			return err // a cluster of ours has its keeper
		}
	}
	if err = e.Run.CreateLease(ctx, e.Cluster.Config, client, named); err != nil {
		if ownership.Refused(err) {
			err = exitcode.With(exitcode.Unavailable, fmt.Errorf("%w; without a Lease another run would take this one for dead", err))
		}
		return err
	}
	e.stopRenewing = e.Run.Renew(e.Cluster.Config, client, e.options.Log)
	e.Run.PullSecret = e.PullSecret
	if err = e.CreatePullSecret(ctx, client, e.Agents); err != nil {
		return err
	}
	if refused == nil {
		refused = e.Run.DeployReaper(ctx, client, e.Agent.Ref, reaperBudget)
	}
	if refused != nil && ctx.Err() == nil {
		e.note(fmt.Sprintf("this run has no reaper: %v. %s", refused, e.options.remains(e.Cluster.Context)))
	}
	e.options.Log("what this run makes has the label " + ownership.Label + "=" + e.Run.Name)
	return ctx.Err()
}

// remains says what a run without a reaper leaves when it is killed.
func (o *Options) remains(kubeContext string) string {
	if o.Namespace != "" {
		return "If it is killed, what it made in namespace " + o.Namespace + " remains, its agents among it, until the next run there, or until: meshproof cluster clean --context " + kubeContext + " --namespace " + o.Namespace
	}
	return "If it is killed, its namespaces remain, its agents in a DaemonSet, and its objects outside of namespaces, until the next run on this cluster, or until: meshproof cluster clean --context " + kubeContext
}

// note says what a reader of the report has to know, too.
func (e *Environment) note(line string) {
	e.Notes = append(e.Notes, line)
	e.options.Log(line)
}

// DeployAgents puts one agent on each node where a pod of the workloads may run, in the run's namespace. They serve all
// workloads of the run: thirty workloads with agents of their own would be thirty privileged pods on a node. They may do no
// more than the run needs, and serve only who has the run's token. Where the cluster refuses them, NoAgents says why, and the run
// goes on without.
func (e *Environment) DeployAgents(ctx context.Context, may agentclient.Rights, ws []*workload.Workload) error {
	client, err := kubernetes.NewForConfig(e.Cluster.Config)
	if err != nil {
		return err
	}
	var pods []*corev1.PodSpec
	for _, w := range ws {
		pods = append(pods, w.Pods()...)
	}
	d := agentclient.DaemonSet(e.Agents, agentclient.Options{Image: e.Agent.Ref, May: may, Where: agentclient.Place(pods), Token: e.Token, PullSecret: e.PullSecret})
	if e.Run.Within != "" {
		e.Run.Mark(d) // elsewhere it goes with the run's namespace
	}
	if e.NoAgents, err = agentclient.Deploy(ctx, client, d); err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	if e.NoAgents != "" {
		e.note("the cluster refuses our agents, so the run goes on with what can be seen through the API server, port-forward and exec: " + e.NoAgents)
	}
	return nil
}

// EndRun removes what BeginRun and DeployAgents made, and what else belongs to the run and still exists. On a cluster that is not
// ours it returns no error only after it was seen that nothing of the run is left.
func (e *Environment) EndRun() error { return e.endRun(removeBudget) }

func (e *Environment) endRun(budget time.Duration) error {
	if e.Run == nil || e.Cluster.Temporary() {
		return nil
	}
	if e.stopRenewing != nil {
		e.stopRenewing() // the Lease goes with the rest, before two minutes are over
	}
	client, err := kubernetes.NewForConfig(e.Cluster.Config)
	if err != nil {
		return err
	}
	// Whatever ended the run, what was made is removed.
	ctx, cancel := context.WithTimeout(e.Background(), budget+30*time.Second)
	defer cancel()
	// The root first: from then on Kubernetes removes the rest, also if this is killed.
	err = e.Run.DeleteRoot(ctx, client)
	if e.Cluster.Owned {
		return errors.Join(err, e.RemoveNamespace(client, e.Run.Name))
	}
	if e.Run.Within == "" {
		err = errors.Join(err, workload.DeleteNamespace(ctx, client, e.Run.Name, e.Run, 0))
	}
	return errors.Join(err, e.Run.Remove(ctx, e.Cluster.Config, budget))
}

// removeBudget is how long what was made may take to go.
const removeBudget = 60 * time.Second

// RemoveBudget is how long to wait until what was deleted inside of a namespace is gone. What goes with the whole cluster need
// not be waited for.
func (e *Environment) RemoveBudget() time.Duration {
	if e.Cluster.Temporary() {
		return 0
	}
	return removeBudget
}

// RemoveNamespace removes a namespace that the run made, unless the whole cluster goes anyway. On a cluster that is not ours it waits
// until nothing of it is left; on a kept one of ours Leaving does, for all of them together.
func (e *Environment) RemoveNamespace(client kubernetes.Interface, namespace string) error {
	budget := removeBudget
	if e.Cluster.Temporary() {
		return nil
	}
	if e.Cluster.Owned {
		budget = 0
		e.leave(namespace)
	}
	// Whatever ended the run, what was made is removed.
	ctx, cancel := context.WithTimeout(e.Background(), budget+10*time.Second)
	defer cancel()
	return workload.DeleteNamespace(ctx, client, namespace, e.Run, budget)
}
