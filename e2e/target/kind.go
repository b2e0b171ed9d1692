package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// closeBudget limits the waiting for a keeper to delete its cluster if the caller's context has ended already.
const closeBudget = 90 * time.Second

// Kind creates a kind cluster, or uses the one that an earlier run kept, and returns when its API answers, all nodes are Ready and
// have the images of Options.Preload. Pods can run then; CoreDNS may still be starting, see Cluster.WaitDNS.
//
// keeper.RunIfKeeper must have been called at the start of the program. If ctx ends, what was created is deleted before Kind
// returns. The error has code 69 if another run uses the cluster or a cluster of that name is not ours, 64 for invalid options,
// 130 if ctx was cancelled, else 70.
func Kind(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	dir := state.Dir(o.StateDir)
	lock, err := lockRun(dir, o.Name)
	if err != nil {
		return nil, err
	}
	c, err := kindLocked(ctx, dir, o)
	if err != nil {
		lock.Unlock()
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, exitcode.With(exitcode.Interrupted, err)
		}
		return nil, exitcode.With(exitcode.Internal, err)
	}
	c.lock = lock
	return c, nil
}

// lockRun takes the run's lock. A process that only checks whether it is free holds it for a moment, so it is tried more than
// once.
func lockRun(dir state.Dir, name string) (*state.Lock, error) {
	var held *state.HeldError
	lock, err := dir.Run(name)
	for try := 1; try < 4 && errors.As(err, &held); try++ {
		time.Sleep(30 * time.Millisecond)
		lock, err = dir.Run(name)
	}
	if errors.As(err, &held) {
		return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf("another run uses the cluster %s (%w); wait until it ends, or stop it", name, held))
	}
	if err != nil {
		return nil, fmt.Errorf("lock cluster %s: %w", name, err)
	}
	return lock, nil
}

func kindLocked(ctx context.Context, dir state.Dir, o Options) (*Cluster, error) {
	if err := awaitKeeper(ctx, dir, o.Name, o.Log); err != nil {
		return nil, err
	}
	if err := sweep(ctx, dir, o.Name, o.Log); err != nil {
		return nil, err
	}
	host, err := hostTraits("/")
	if err != nil {
		return nil, fmt.Errorf("inspect the host: %w", err)
	}
	modules, err := modulesDir(o, host)
	if err != nil {
		return nil, err
	}
	patches, err := kubeadmPatches(o)
	if err != nil {
		return nil, fmt.Errorf("write kubeadm's patches: %w", err)
	}
	config, err := kindConfig(o, host, patches, quickStart...)
	if err != nil {
		return nil, fmt.Errorf("kind's configuration: %w", err)
	}
	id, err := nodeImage(ctx, o)
	if err != nil {
		return nil, err
	}
	want := state.Cluster{
		Name: o.Name, Started: time.Now(), Engine: o.Engine.Name(), EngineEnv: o.Engine.Env(),
		Containers: containerNames(o.Name, o.Nodes), Kubeconfig: dir.Path(o.Name, "kubeconfig"),
		NodeImage: o.NodeImage, NodeImageID: id, SharedDir: o.SharedDir, Config: config,
	}
	if c, err := reuse(ctx, dir, o, want); c != nil || err != nil {
		return c, err
	}
	return create(ctx, o, keeper.Spec{Cluster: want, StateDir: string(dir), LogsDir: o.LogsDir, ModulesDir: modules})
}

// nodeImage pulls the node image if the engine does not have it, because kind's own pull cannot be cancelled.
func nodeImage(ctx context.Context, o Options) (id string, err error) {
	id, ok, err := o.Engine.HasImage(ctx, o.NodeImage)
	if err != nil || ok {
		return id, err
	}
	o.Log("pulling node image " + o.NodeImage)
	if err = o.Engine.Pull(ctx, o.NodeImage); err != nil {
		return "", exitcode.With(exitcode.Unavailable, fmt.Errorf("node image %s is not in %s's store and cannot be pulled: %w", o.NodeImage, o.Engine.Name(), err))
	}
	id, _, err = o.Engine.HasImage(ctx, o.NodeImage)
	return id, err
}

// create creates a new cluster. If it fails, nothing is left when it returns, or the error says what is.
func create(ctx context.Context, o Options, spec keeper.Spec) (*Cluster, error) {
	begin := time.Now()
	o.Log(fmt.Sprintf("creating cluster %s: %s of %s with %s", o.Name, nodeCount(o.Nodes), o.NodeImage, o.Engine.Name()))
	k, err := keeper.Create(spec, o.Log)
	if err != nil {
		return nil, err
	}
	c := newCluster(o, spec.Cluster, k)
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("cluster %s did not come up within %s", o.Name, o.Timeout))
	defer cancel()
	loaded := make(chan error, 1)
	guard.Go(nil, func(err error) { loaded <- err }, func() { loaded <- c.preload(ctx, o.Preload) })
	if err = k.Created(ctx); err == nil {
		o.Log(fmt.Sprintf("cluster %s: control plane up after %s", o.Name, since(begin)))
		err = c.ready(ctx)
	}
	if err == nil {
		o.Log(fmt.Sprintf("cluster %s: %s ready after %s", o.Name, nodeCount(o.Nodes), since(begin)))
		err = <-loaded
	}
	if err == nil {
		return c, nil
	}
	cancel()
	err = fmt.Errorf("create cluster %s: %w", o.Name, err)
	if !k.Alive() {
		return nil, errors.Join(err, remains(o.Name, c.deleteOrphan()))
	}
	if o.LogsDir != "" && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		_ = c.CollectLogs(context.WithoutCancel(ctx), o.LogsDir)
	}
	wait, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), closeBudget, fmt.Errorf("not done within %s", closeBudget))
	defer stop()
	return nil, errors.Join(err, remains(o.Name, k.Delete(wait)))
}

// reuse takes over the cluster that an earlier run kept, if it is like the one that this run would create and is healthy; otherwise
// it deletes it and says why. It returns nothing if there is none.
func reuse(ctx context.Context, dir state.Dir, o Options, want state.Cluster) (*Cluster, error) {
	have, noted, err := dir.Read(o.Name)
	if err != nil {
		return nil, err
	}
	nodes, err := keeper.Nodes(ctx, o.Engine, o.Name)
	if err != nil {
		return nil, err
	}
	if !noted {
		if len(nodes) > 0 {
			return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf(
				"a kind cluster named %s exists, but this program did not create it (containers %s): delete it with `kind delete cluster --name %s`, or use another name",
				o.Name, strings.Join(nodes, ", "), o.Name))
		}
		return nil, nil
	}
	why := difference(have, want)
	if why == "" {
		if nodes, err = keeper.Running(ctx, o.Engine, o.Name); err != nil {
			return nil, err
		}
		if len(nodes) != len(want.Containers) {
			why = fmt.Sprintf("only %d of its %d node containers run", len(nodes), len(want.Containers))
		}
	}
	if why == "" {
		c := newCluster(o, have, nil)
		quick, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("not within 10 s"))
		err = c.ready(quick)
		cancel()
		if err == nil {
			return c.adopt(ctx, dir, o, have)
		}
		why = "it is not healthy: " + err.Error()
	}
	o.Log(fmt.Sprintf("the kept cluster %s is deleted and created again: %s", o.Name, why))
	if err := keeper.Remove(ctx, engineOf(have), have); err != nil {
		return nil, err
	}
	return nil, dir.Remove(o.Name)
}

// adopt puts a keeper in charge of a kept cluster.
func (c *Cluster) adopt(ctx context.Context, dir state.Dir, o Options, have state.Cluster) (*Cluster, error) {
	k, err := keeper.Adopt(keeper.Spec{Cluster: have, StateDir: string(dir)}, o.Log)
	if err != nil {
		return nil, err
	}
	if err = k.Created(ctx); err == nil {
		c.keeper = k
		o.Log(fmt.Sprintf("using the kept cluster %s, created at %s", o.Name, have.Started.Format("2006-01-02 15:04")))
		if err = c.preload(ctx, o.Preload); err == nil {
			return c, nil
		}
	}
	wait, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), closeBudget, fmt.Errorf("not done within %s", closeBudget))
	defer stop()
	return nil, errors.Join(fmt.Errorf("take over cluster %s: %w", o.Name, err), remains(o.Name, k.Delete(wait)))
}

// difference says how the kept cluster differs from the one that this run would create; empty if it does not.
func difference(have, want state.Cluster) string {
	switch {
	case have.Engine != want.Engine:
		return fmt.Sprintf("it runs in %s, this run uses %s", have.Engine, want.Engine)
	case have.NodeImageID != want.NodeImageID:
		return fmt.Sprintf("its node image was %s (%.19s), now it is %s (%.19s)", have.NodeImage, have.NodeImageID, want.NodeImage, want.NodeImageID)
	case len(have.Containers) != len(want.Containers):
		return fmt.Sprintf("it has %s, this run needs %d", nodeCount(len(have.Containers)), len(want.Containers))
	case have.SharedDir != want.SharedDir:
		return fmt.Sprintf("its nodes share %q, this run needs %q", have.SharedDir, want.SharedDir)
	case have.Config != want.Config:
		return "its kind configuration differs"
	}
	return ""
}

func nodeCount(n int) string {
	if n == 1 {
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

func since(begin time.Time) time.Duration { return time.Since(begin).Round(100 * time.Millisecond) }

// oneAtATime makes a progress function safe for several goroutines; nil prints nothing.
func oneAtATime(log func(string)) func(string) {
	if log == nil {
		return func(string) {}
	}
	var mu sync.Mutex
	return func(s string) {
		mu.Lock()
		defer mu.Unlock()
		log(s)
	}
}
