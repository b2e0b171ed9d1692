// Package injection does to running pods what a mutant asks for, and breaks the harness where the mutant is one of the harness.
//
// In: a mutant, access to its workload on the cluster, and the recorder, whose view says when the moment of each has come. Out:
// what was done, as acts in the recording. What could not be done makes the scenario void there, or is an error where nothing
// was done at all. It gives no verdict, and knows neither the run nor its results.
package injection

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// Options are what injections need of a workload on a cluster.
type Options struct {
	Workload  *workload.Workload
	Config    *rest.Config
	Client    kubernetes.Interface
	Namespace string // of the workload
	Agents    string // namespace of the agents that observe it
	Token     agent.Token
	// Delete deletes an object of the manifests.
	Delete   func(ctx context.Context, kind, name string) error
	Recorder *scenario.Recorder
	Redactor *secrets.Redactor
	Log      func(string)
	Caught   func(error) // a panic of ours
}

// Injections are what a mutant does to its workload.
type Injections struct {
	Options
	spec   profile.MutantSpec // what is wrong with the workload; nothing, where nothing is
	faults *fault.Injector
}

// New prepares the injections of a workload. Start must come before Around.
func New(o Options) *Injections {
	i := &Injections{Options: o}
	if o.Workload.Mutant != nil {
		i.spec = o.Workload.Mutant.Spec
	}
	return i
}

// NeedsFaults reports whether packets of the workload are to be lost.
func NeedsFaults(w *workload.Workload) bool {
	return w.Mutant != nil && slices.ContainsFunc(w.Mutant.Spec.Injections, profile.Injection.Packets)
}

// interval is how often to look whether an injection's moment has come. A node needs a second from its address to its first
// connection.
const interval = 100 * time.Millisecond

// stable is how long a mesh has been full when something is injected "while it is watched".
const stable = 2 * time.Second

// errNotInjected is the error where the scenario ended before the moment of an injection came.
var errNotInjected = fmt.Errorf("the mesh was not stable for %s", stable) //nolint:gochecknoglobals // an error to compare with

// Around does the injections of a scenario that forms the mesh: those that belong to its course while form runs, and those that
// need a formed mesh afterwards.
func (i *Injections) Around(ctx context.Context, form func() error) error {
	ended := make(chan struct{})
	var injected error
	var wg sync.WaitGroup
	guard.Go(&wg, func(err error) { injected = err }, func() { injected = i.inject(ctx, ended) })
	err := form()
	close(ended)
	wg.Wait()
	if err != nil && (errors.Is(injected, errNotInjected) || ctx.Err() != nil) {
		return err // what was not injected is a consequence of it
	}
	if err = errors.Join(err, injected); err != nil {
		return err
	}
	return i.observeFormed(ctx)
}

// inject does what is to be done to the workload while it forms, until there is nothing left or formation has ended. What has
// begun is brought to its end. The error says what was not injected: then the recording is not that of the mutant.
func (i *Injections) inject(ctx context.Context, ended <-chan struct{}) error {
	var start, full []profile.Injection
	for _, d := range i.spec.Injections {
		switch d.At {
		case profile.AtStart:
			start = append(start, d)
		case profile.AtFull:
			full = append(full, d)
		}
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	done := map[string]bool{} // pods by injection
	over := len(full) == 0 && !whileFull(i.spec.Harness)
	for len(start) > 0 || !over {
		select {
		case <-ended:
			if !over {
				return fmt.Errorf("%w: %s was not injected", errNotInjected, i.atFull())
			}
			return nil
		case <-tick.C:
		}
		for n, d := range start {
			if now := i.targets(d, strconv.Itoa(n), done); len(now) > 0 {
				i.do(ctx, d, now...)
			}
		}
		if over {
			continue
		}
		i.Recorder.Ask(func(v *view.View) { over, _ = v.Held(stable) })
		if !over {
			continue
		}
		for _, d := range full {
			i.do(ctx, d, i.one()...)
		}
		if whileFull(i.spec.Harness) {
			if err := i.sabotage(ctx, i.spec.Harness); err != nil {
				return fmt.Errorf("%s: %w", i.spec.Harness, err)
			}
		}
	}
	return nil
}

// atFull names the first thing that is done to a full mesh.
func (i *Injections) atFull() string {
	for _, d := range i.spec.Injections {
		if d.At == profile.AtFull {
			return d.Do
		}
	}
	return i.spec.Harness
}

// targets are the pods that the injection is still to be done to, and marks them: each as soon as it has an address, or one
// of them all.
func (i *Injections) targets(d profile.Injection, injection string, done map[string]bool) (now []*view.Pod) {
	running := i.runningPods()
	for _, p := range running {
		key := injection + " " + p.UID
		if d.Pods == "one" {
			key = injection
		}
		if d.Do == profile.Cut && len(running) < 2 || done[key] {
			continue
		}
		done[key] = true
		now = append(now, p)
	}
	return now
}

// runningPods are the workload's living pods that have an address.
func (i *Injections) runningPods() (all []*view.Pod) {
	i.Recorder.Ask(func(v *view.View) {
		for _, p := range v.Pods() {
			if p.IP() != "" && p.Last().Node != "" && !p.Leaving(v.End()) {
				all = append(all, p)
			}
		}
	})
	return all
}

// one is the pod that is chosen where one will do.
func (i *Injections) one() []*view.Pod {
	all := i.runningPods()
	return all[:min(1, len(all))]
}

// observeFormed injects what is to be done to a mesh that has formed, and waits while the consequences are observed.
func (i *Injections) observeFormed(ctx context.Context) error {
	formed := false
	i.Recorder.Ask(func(v *view.View) { formed, _ = v.Formed() })
	for _, d := range i.spec.Injections {
		if d.At != profile.AtFormed {
			continue
		}
		if !formed {
			return errors.New("the mesh did not form: " + d.Do + " was not injected")
		}
		i.do(ctx, d, i.one()...)
		if err := wait(ctx, d.Watch.D()); err != nil {
			return err
		}
	}
	if !formed {
		return nil
	}
	if err := wait(ctx, i.spec.Watch.D()); err != nil {
		return err
	}
	// A second in which nobody was heard, on a busy machine, must not lie in the time for which the mesh is judged.
	hold := i.Workload.Resolved.Hold.D()
	_, err := i.Recorder.Until(ctx, 2*hold, i.Workload.Name()+" to be a mesh that stays complete", func(v *view.View) (bool, string) {
		held, m := v.Held(hold)
		return held || !m.Full, m.String()
	})
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// void records that the scenario is not what it should have been: what it shows proves nothing.
func (i *Injections) void(pod, why string) {
	i.Recorder.Sink(recording.Event{T: i.Recorder.Now(), By: recording.ByRun, ObserverError: &recording.ObserverError{Pod: pod, What: why}})
	i.Recorder.Did(recording.Act{Do: fault.Void, Pod: pod, Detail: why})
	i.Log(why)
}
