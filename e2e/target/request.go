package target

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// request is a run's request for a cluster, with what is the same for every name that the cluster can have.
type request struct {
	o       Options
	dir     state.Dir
	keepOne *state.Lock // held: this run may take over a kept cluster, and keep one

	prepared         bool
	host             traits
	patches, modules string
	imageID          string
}

// prepare finds out what the cluster needs on this machine.
func (r *request) prepare(ctx context.Context) (err error) {
	if r.prepared {
		return nil
	}
	if r.host, err = hostTraits("/"); err != nil {
		return fmt.Errorf("inspect the host: %w", err)
	}
	if r.modules, err = modulesDir(r.o, r.host); err != nil {
		return err
	}
	if r.patches, err = kubeadmPatches(r.o); err != nil {
		return fmt.Errorf("write kubeadm's patches: %w", err)
	}
	r.imageID, err = nodeImage(ctx, r.o)
	r.prepared = err == nil
	return err
}

// cluster is the note on the requested cluster if it has this name.
func (r *request) cluster(ctx context.Context, name string) (state.Cluster, error) {
	if err := r.prepare(ctx); err != nil {
		return state.Cluster{}, err
	}
	o := r.o
	o.Name = name
	config, err := kindConfig(o, r.host, r.patches, slices.Concat(quickStart(o.LoseNode), o.Kubeadm)...)
	if err != nil {
		return state.Cluster{}, fmt.Errorf("kind's configuration: %w", err)
	}
	return state.Cluster{
		Name: name, Started: time.Now(), Engine: o.Engine.Name(), EngineEnv: o.Engine.Env(),
		Containers: containerNames(name, o.Nodes), Kubeconfig: r.dir.Path(name, "kubeconfig"),
		NodeImage: o.NodeImage, NodeImageID: r.imageID, SharedDir: o.SharedDir, Config: config,
	}, nil
}

// kept takes over the cluster that an earlier run kept. It returns nothing if there is none that this run can use.
func (r *request) kept(ctx context.Context) (*Cluster, error) {
	names, err := keptNames(r.dir, r.o.Log)
	if err != nil || (len(names) == 0 && !r.o.Keep) {
		return nil, err
	}
	r.keepOne, err = patiently(r.dir.KeepOne)
	var held *state.HeldError
	if errors.As(err, &held) {
		if r.o.Keep {
			r.o.Log(fmt.Sprintf("another run uses the kept cluster or keeps its own (%v): the cluster of this run is not kept", held))
			r.o.Keep = false
		}
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err = keptNames(r.dir, r.o.Log) // again: nobody else changes it now
	for _, name := range names {
		c, kerr := r.locked(ctx, name, r.takeOver)
		if c != nil {
			c.keepOne = r.keepOne
			return c, nil
		}
		if err = context.Cause(ctx); err != nil {
			err = errors.Join(err, kerr)
			break
		}
		if kerr != nil { // this run's own cluster has another name
			r.o.Log(fmt.Sprintf("warning: the kept cluster %s is not used: %v", name, kerr))
		}
	}
	if err != nil || !r.o.Keep {
		r.keepOne.Remove()
	}
	return nil, err
}

func keptNames(dir state.Dir, log func(string)) ([]string, error) {
	all, err := notes(dir, log)
	var names []string
	for _, c := range all {
		if c.Kept && strings.HasPrefix(c.Name, prefix) {
			names = append(names, c.Name)
		}
	}
	return names, err
}

// named creates the cluster of that name, or takes it over if it is a kept one.
func (r *request) named(ctx context.Context, name string) (*Cluster, error) {
	return r.locked(ctx, name, func(ctx context.Context, name string) (*Cluster, error) {
		if c, err := r.takeOver(ctx, name); c != nil || err != nil {
			return c, err
		}
		nodes, err := keeper.Nodes(ctx, r.o.Engine, name)
		if err != nil {
			return nil, err
		}
		if len(nodes) > 0 {
			return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf(
				"a kind cluster named %s exists, but this program did not create it (containers %s): delete it with `kind delete cluster --name %s`, or use another name",
				name, strings.Join(keeper.Names(nodes), ", "), name))
		}
		want, err := r.cluster(ctx, name)
		if err != nil {
			return nil, err
		}
		return create(ctx, r.o, keeper.Spec{Cluster: want, StateDir: string(r.dir), LogsDir: r.o.LogsDir, ModulesDir: r.modules})
	})
}

// locked calls what with the run's lock on the name, which the cluster then has.
func (r *request) locked(ctx context.Context, name string, what func(context.Context, string) (*Cluster, error)) (*Cluster, error) {
	lock, err := lockRun(r.dir, name)
	if err != nil {
		return nil, err
	}
	c, err := what(ctx, name)
	if err != nil || c == nil {
		r.dir.Leave(name, lock)
		return nil, err
	}
	c.lock = lock
	return c, nil
}

// takeOver takes over the kept cluster of that name, if it is like the one that this run would create and is healthy; otherwise it
// deletes it and says why. It returns nothing if there is none. What a dead run has left under the name is deleted.
func (r *request) takeOver(ctx context.Context, name string) (*Cluster, error) {
	if err := awaitKeeper(ctx, r.dir, name, r.o.Log); err != nil {
		return nil, err
	}
	have, noted, err := r.dir.Read(name)
	if err != nil {
		moveAside(r.dir, state.Broken{Name: name, Err: err}, r.o.Log)
		return nil, nil
	}
	if !noted {
		return nil, nil
	}
	if !have.Kept {
		return nil, removeLeft(ctx, r.dir, have, r.o.Log)
	}
	want, err := r.cluster(ctx, name)
	if err != nil {
		return nil, err
	}
	why := difference(have, want)
	if why == "" {
		if why, err = incomplete(ctx, r.o, have); err != nil {
			return nil, err
		}
	}
	if why == "" {
		c := newCluster(r.o, have, nil)
		quick, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("not within 10 s"))
		err = c.ready(quick)
		cancel()
		if err == nil {
			return c.adopt(ctx, r.dir, r.o, have)
		}
		why = "it is not healthy: " + err.Error()
	}
	r.o.Log(fmt.Sprintf("the kept cluster %s is deleted and another one is created: %s", name, why))
	if err := keeper.Remove(ctx, engineOf(have), have, r.o.Log); err != nil {
		return nil, err
	}
	return nil, r.dir.Remove(name)
}

// incomplete says which of the cluster's node containers do not run; empty: all do. Others of the same name do not count.
func incomplete(ctx context.Context, o Options, have state.Cluster) (string, error) {
	if len(have.IDs) == 0 {
		return "an earlier version of this program created it and did not note its containers", nil
	}
	nodes, err := keeper.Running(ctx, o.Engine, have.Name)
	if err != nil {
		return "", err
	}
	run := 0
	for _, n := range nodes {
		if slices.Contains(have.IDs, n.ID) {
			run++
		}
	}
	if run != len(have.Containers) {
		return fmt.Sprintf("only %d of its %d node containers run", run, len(have.Containers)), nil
	}
	return "", nil
}
