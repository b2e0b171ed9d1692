// Package scenario holds the scenarios of a run, one file each: how a mesh forms, how it recovers from a deleted pod or a killed container, a rollout,
// the application's console. A scenario acts on the workload, lets the observers record, and asks the view's predicates whether it
// may continue.
//
// In: the recorder that all observers write to, the resolved profile, and the workload's actions as an interface, so that a
// scenario can be tried without a cluster. Out: what it did, in the recording. It judges nothing: an expired budget ends a
// scenario, and what that means is judged from the recording.
//
// To add a scenario, write one file that returns a [Scenario], and add it to [All].
package scenario

import (
	"context"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// Name is a scenario's name. The type lives in package recording, for those who may not import this one.
type Name = recording.Scenario

// Scenario is one course of events with a start and an end. It yields one recording.
type Scenario struct {
	Name Name
	// OnRequest keeps it out of the default set: it is recorded only if it is named.
	OnRequest bool
	// Scope is what it disturbs; empty is the workload's namespace. What disturbs more runs while nothing else does.
	Scope Scope
	// Once says that it cannot be recorded again with the same pods: what it does is not undone by the repair.
	Once bool
	// Changeless says that it does nothing to the mesh, so that nothing has to be asked at its end.
	Changeless bool
	// Kills says that it kills a process of a pod: the agents need permission for that.
	Kills bool
	// Nodes is how many nodes it needs if it changes nodes: it does that only on a cluster that this run has made. 0: it changes none.
	Nodes int
	// LosesNode says that it cuts a node off.
	LosesNode bool
	// More is how many pods it adds to the workload for a while.
	More int
	// Cookie says that it changes the Secret with the cookie, and changes it back.
	Cookie bool
	// Faults says that it puts network faults into pods: the agents need permission for that, too.
	Faults bool
	// Applies reports whether the scenario applies to such a workload, and if not, why. Nil: always.
	Applies func(p *profile.Resolved) (ok bool, whyNot string)
	// Estimate is its duration on a busy machine if nothing goes wrong: enough to know which workload takes longest.
	Estimate time.Duration
	// Limit is its longest possible duration.
	Limit func(p *profile.Resolved) time.Duration
	// Run records it. An error means that it could not be recorded to its end; the caller adds the scenario's name.
	Run func(ctx context.Context, env *Env) error
	// Undo puts back what Run has changed for longer than its recording, such as a node that was cut off. It is called after the
	// recording has ended, however that was, and also where Run has changed nothing. Nil: there is nothing to put back.
	Undo func(ctx context.Context, env *Env) error
}

// Scope is how far the effects of a scenario reach.
type Scope string

// The scopes. The pods of the workload's own namespace are disturbed, or whatever else runs on the same node or cluster, too.
const (
	OfNamespace Scope = ""
	OfNode      Scope = "node"
	OfCluster   Scope = "cluster"
)

// All are the scenarios in the order in which they are recorded. The first brings the workload up. The others begin with the
// mesh that it has formed.
func All() []Scenario {
	return []Scenario{
		formation(),
		recovery(),
		podDeleteForced(),
		containerKill(),
		allPods(),
		scale(),
		blip(5 * time.Millisecond),
		blip(50 * time.Millisecond),
		blip(500 * time.Millisecond),
		linkReset(),
		linkCut(),
		oneWayCut(),
		split(),
		majoritiesRing(),
		killInPartition(),
		dnsSlow(),
		dnsOutage(),
		largeSegments(),
		rollout(),
		nodeStop(), // before the drain, after which pods may be on one node
		nodeDrain(),
		epmdKilled(),
		secretRotated(),
		console(),
	}
}

// Names are the names of all scenarios, in their order.
func Names() (all []Name) {
	for _, s := range All() {
		all = append(all, s.Name)
	}
	return all
}

// Repeatable reports whether scenarios were named, and all of them can be recorded again and again with the mesh that has formed once.
func Repeatable(named []Name) bool {
	for _, s := range All() {
		if s.Once && slices.Contains(named, s.Name) {
			return false
		}
	}
	return len(named) > 0 && Check(named) == nil
}

// Env is what a scenario gets.
type Env struct {
	*Recorder
	Profile  *profile.Resolved
	Workload Workload
	Seed     int64 // decides which pod is deleted or killed
	// Faster lets the observers look as often as they can, at most for that time; 0 ends it. Nil where they cannot.
	Faster func(time.Duration)
	Log    func(string) // progress, without the scenario's name
}

// Fault is a network fault in one pod.
type Fault struct {
	Do   string        // such as [recording.FaultCut]
	Pod  *view.Pod     // in whose network namespace it is
	Peer *view.Pod     // of a fault between two pods: the other one
	For  time.Duration // of one that ends by itself: when
}

// String describes the fault in messages.
func (f Fault) String() string {
	s := f.Do + " of " + f.Pod.Name
	if f.Peer != nil {
		s += " and " + f.Peer.Name
	}
	if f.For > 0 {
		s += " for " + f.For.String()
	}
	return s
}

// Workload is what a scenario can do to the workload.
type Workload interface {
	// Apply creates its objects.
	Apply(ctx context.Context) error
	// DeletePod deletes a pod by name.
	DeletePod(ctx context.Context, name string) error
	// ForceDeletePod deletes it without a grace period.
	ForceDeletePod(ctx context.Context, name string) error
	// EvictPod evicts it, if need be again and again for that long, while a PodDisruptionBudget forbids it.
	EvictPod(ctx context.Context, name string, patience time.Duration) error
	// Scale gives a Deployment or StatefulSet that many replicas.
	Scale(ctx context.Context, kind, name string, replicas int) error
	// Cordon lets a node of the cluster take no more pods; Uncordon takes that back for all nodes.
	Cordon(ctx context.Context, node string) error
	Uncordon(ctx context.Context) error
	// MayCutOff reports whether the cluster goes on without that node.
	MayCutOff(node string) bool
	// CutOff cuts a node off from the network, for that long at most, and returns when it is; Rejoin takes that back, and returns when
	// Kubernetes knows that the node is back.
	CutOff(ctx context.Context, node string, lease time.Duration) error
	Rejoin(ctx context.Context) error
	// KillVM kills the VM of a pod, which has that PID in the node's PID namespace.
	KillVM(ctx context.Context, p *view.Pod, pid int) error
	// KillEPMD kills epmd of a pod; ReplaceWithoutEPMD deletes the pods whose epmd was killed, so that others replace them.
	KillEPMD(ctx context.Context, p *view.Pod) error
	ReplaceWithoutEPMD(ctx context.Context) error
	// RotateCookie gives the Secret with the cookie another value, and returns its name; RestoreCookie gives it the old one, and deletes
	// the pods that were created meanwhile, so that others replace them.
	RotateCookie(ctx context.Context) (secret string, err error)
	RestoreCookie(ctx context.Context) error
	// Inject puts network faults into pods. It returns when it was tried whether each bites, and those that end by themselves when they
	// are over. What came of it is in the recording.
	Inject(ctx context.Context, faults ...Fault) error
	// Heal ends all faults. It returns when they are known to be gone, or cannot be in place any more.
	Heal(ctx context.Context) error
	// BeginRollout sets the pod templates of the next version.
	BeginRollout(ctx context.Context) error
	// Exec runs a command in a pod. If it cannot be run, the event says so; it is no error.
	Exec(ctx context.Context, p *view.Pod, c profile.Command) recording.Exec
}
