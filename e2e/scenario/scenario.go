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
	// Changeless says that it does nothing to the mesh, so that nothing has to be asked at its end.
	Changeless bool
	// Kills says that it kills a VM: the agents need permission for that.
	Kills bool
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
		containerKill(),
		blip(5 * time.Millisecond),
		blip(50 * time.Millisecond),
		blip(500 * time.Millisecond),
		linkReset(),
		linkCut(),
		oneWayCut(),
		split(),
		majoritiesRing(),
		dnsSlow(),
		dnsOutage(),
		largeSegments(),
		rollout(),
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

// Env is what a scenario gets.
type Env struct {
	*Recorder
	Profile  *profile.Resolved
	Workload Workload
	Seed     int64        // decides which pod is deleted or killed
	Log      func(string) // progress, without the scenario's name
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
	// KillVM kills the VM of a pod, which has that PID in the node's PID namespace.
	KillVM(ctx context.Context, p *view.Pod, pid int) error
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
