package target

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// closeBudget limits the waiting for a keeper to delete its cluster if the caller's context has ended already.
const closeBudget = 90 * time.Second

// Kind creates a kind cluster with a name of its own, or uses the one that an earlier run kept, and returns when its API answers, all
// nodes are Ready and have the images of Options.Preload. Pods can run then; CoreDNS may still be starting, see Cluster.WaitDNS.
//
// keeper.RunIfKeeper must have been called at the start of the program. If ctx ends, what was created is deleted before Kind
// returns. The error has code 64 for invalid options, 69 if Options.Name is in use, 130 if ctx was cancelled, else 70.
func Kind(ctx context.Context, o Options) (*Cluster, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	c, err := kind(ctx, o)
	switch {
	case err == nil:
		return c, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, exitcode.With(exitcode.Interrupted, err)
	}
	return nil, exitcode.With(exitcode.Internal, err)
}

func kind(ctx context.Context, o Options) (*Cluster, error) {
	r := &request{o: o, dir: state.Dir(o.StateDir)}
	if o.Name != "" {
		return r.named(ctx, o.Name)
	}
	c, err := r.kept(ctx)
	if c != nil || err != nil {
		return c, err
	}
	if c, err = r.named(ctx, newName()); err != nil {
		r.keepOne.Remove()
		return nil, err
	}
	c.keepOne = r.keepOne
	return c, nil
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
	name := spec.Cluster.Name
	o.Log(fmt.Sprintf("creating cluster %s: %s of %s with %s", name, nodeCount(o.Nodes), o.NodeImage, o.Engine.Name()))
	k, err := keeper.Create(spec, o.Log)
	if err != nil {
		return nil, err
	}
	c := newCluster(o, spec.Cluster, k)
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("cluster %s did not come up within %s", name, o.Timeout))
	defer cancel()
	loaded := make(chan error, 1)
	guard.Go(nil, func(err error) { loaded <- err }, func() { loaded <- c.preload(ctx, o.Preload) })
	booting := progress.Wait(ctx, "the control plane of cluster "+name)
	err = k.Created(ctx)
	if booting.Done(); err == nil {
		o.Log(fmt.Sprintf("cluster %s: control plane up after %s", name, since(begin)))
		err = c.ready(ctx)
	}
	if err == nil {
		err = c.connectNodes(ctx, o)
	}
	if err == nil {
		o.Log(fmt.Sprintf("cluster %s: %s ready after %s", name, nodeCount(o.Nodes), since(begin)))
		err = <-loaded
	}
	if err == nil {
		return c, nil
	}
	cancel()
	err = fmt.Errorf("create cluster %s: %w", name, err)
	if !k.Alive() {
		return nil, errors.Join(err, remains(name, c.deleteOrphan()))
	}
	if o.LogsDir != "" && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		_ = c.CollectLogs(context.WithoutCancel(ctx), o.LogsDir)
	}
	wait, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), closeBudget, fmt.Errorf("not done within %s", closeBudget))
	defer stop()
	return nil, errors.Join(err, remains(name, k.Delete(wait)))
}

// adopt puts a keeper in charge of a kept cluster.
func (c *Cluster) adopt(ctx context.Context, dir state.Dir, o Options, have state.Cluster) (*Cluster, error) {
	k, err := keeper.Adopt(keeper.Spec{Cluster: have, StateDir: string(dir)}, o.Log)
	if err != nil {
		return nil, err
	}
	if err = k.Created(ctx); err == nil {
		c.keeper = k
		o.Log(fmt.Sprintf("using the kept cluster %s, created at %s", c.Name, have.Started.Format("2006-01-02 15:04")))
		if err = c.preload(ctx, o.Preload); err == nil {
			return c, nil
		}
	}
	wait, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), closeBudget, fmt.Errorf("not done within %s", closeBudget))
	defer stop()
	return nil, errors.Join(fmt.Errorf("take over cluster %s: %w", c.Name, err), remains(c.Name, k.Delete(wait)))
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
