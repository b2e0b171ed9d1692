package target

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// lockRun takes the run's lock on a name.
func lockRun(dir state.Dir, name string) (*state.Lock, error) {
	lock, err := patiently(func() (*state.Lock, error) { return dir.Run(name) })
	var held *state.HeldError
	if errors.As(err, &held) {
		return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf("another run uses the cluster %s (%w); wait until it ends, or stop it", name, held))
	}
	if err != nil {
		return nil, fmt.Errorf("lock cluster %s: %w", name, err)
	}
	return lock, nil
}

// patiently takes a lock. A process that only checks whether it is free holds it for a moment, so it is tried more than once.
func patiently(take func() (*state.Lock, error)) (*state.Lock, error) {
	var held *state.HeldError
	lock, err := take()
	for try := 1; try < 4 && errors.As(err, &held); try++ {
		time.Sleep(30 * time.Millisecond)
		lock, err = take()
	}
	return lock, err
}

// notes lists the notes on clusters. One that cannot be read is moved aside, so that it blocks neither a run nor Clean.
func notes(dir state.Dir, log func(string)) ([]state.Cluster, error) {
	all, broken, err := dir.List()
	for _, b := range broken {
		if !strings.HasPrefix(b.Name, prefix) {
			continue // the file is not one that we write
		}
		lock, lerr := lockRun(dir, b.Name)
		if lerr != nil {
			continue // its run is alive and will replace or remove it
		}
		if alive, aerr := dir.KeeperAlive(b.Name); !alive && aerr == nil {
			moveAside(dir, b, log)
		}
		lock.Unlock()
	}
	return all, err
}

// moveAside moves a note aside and says what may remain: without the note nothing can be removed, because nobody knows whose it is.
func moveAside(dir state.Dir, b state.Broken, log func(string)) {
	where, err := dir.MoveAside(b.Name)
	if err != nil {
		log(fmt.Sprintf("warning: a note on the cluster %s cannot be read (%v) nor moved aside (%v); %s", b.Name, b.Err, err, byHand(b.Name)))
		return
	}
	log(fmt.Sprintf("warning: a note on the cluster %s cannot be read (%v) and is now %s; %s", b.Name, b.Err, where, byHand(b.Name)))
}

// byHand says how to see whether a cluster without a note exists.
func byHand(name string) string {
	return fmt.Sprintf("if that cluster still exists, it stays: `podman ps --all --filter label=%s=%s` (or docker) lists its containers, and `podman rm --force --volumes` removes them", keeper.ClusterLabel, name)
}

// Sweep deletes the clusters whose keeper died without deleting them: those that have a note in stateDir and our prefix, are not
// kept, and are not used by a run.
func Sweep(ctx context.Context, stateDir string, log func(string)) error {
	dir, log := state.Dir(stateDir), oneAtATime(log)
	all, err := notes(dir, log)
	for _, c := range all {
		if !c.Kept {
			err = errors.Join(err, sweepOne(ctx, dir, c, log))
		}
	}
	return errors.Join(err, dir.Sweep())
}

func sweepOne(ctx context.Context, dir state.Dir, c state.Cluster, log func(string)) error {
	if !strings.HasPrefix(c.Name, prefix) {
		return nil // the file is not one that we write
	}
	if alive, err := dir.KeeperAlive(c.Name); alive || err != nil {
		return err
	}
	lock, err := dir.Run(c.Name)
	var held *state.HeldError
	if errors.As(err, &held) {
		return nil // its run is alive and will delete it
	}
	if err != nil {
		return err
	}
	defer func() { dir.Leave(c.Name, lock) }()
	c, ok, err := dir.Read(c.Name) // again: its run may have removed or kept it since
	if err != nil || !ok || c.Kept {
		return err
	}
	return removeLeft(ctx, dir, c, log)
}

// removeLeft removes what a run has left whose keeper is gone. The caller has the run's lock.
func removeLeft(ctx context.Context, dir state.Dir, c state.Cluster, log func(string)) error {
	log(fmt.Sprintf("deleting cluster %s of %s, left by an earlier run whose keeper (process %d) is gone", c.Name, c.Started.Format("2006-01-02 15:04:05"), c.KeeperPID))
	if err := keeper.Remove(ctx, engineOf(c), c, log); err != nil {
		return err
	}
	return dir.Remove(c.Name)
}

// awaitKeeper waits for the keeper of a run that died: it is deleting the cluster.
func awaitKeeper(ctx context.Context, dir state.Dir, name string, log func(string)) error {
	said := false
	defer progress.Wait(ctx, "the keeper of an earlier run to delete cluster "+name).Done()
	deadline := time.Now().Add(closeBudget)
	for {
		alive, err := dir.KeeperAlive(name)
		if err != nil || !alive {
			return err
		}
		if !said {
			said = true
			log(fmt.Sprintf("waiting for the keeper of an earlier run to delete cluster %s", name))
		}
		if time.Now().After(deadline) {
			c, _, _ := dir.Read(name)
			return fmt.Errorf("the keeper of an earlier run (process %d) has not deleted cluster %s within %s; its log is %s", c.KeeperPID, name, closeBudget, dir.Path(name, "log"))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Clean deletes every cluster that has a record in stateDir, kept or not, and the records; nothing else. The engine's network
// "kind" is removed with the last of them if our first cluster created it and nothing uses it; where its engine is gone, that is said
// and the note stays. A cluster that a run uses is not touched, and the error (code 69) says so; without an error no cluster is left.
func Clean(ctx context.Context, stateDir string, log func(string)) error {
	dir, log := state.Dir(stateDir), oneAtATime(log)
	aside := dir.Aside() // those of this time are said when they are moved
	all, err := notes(dir, log)
	for _, c := range all {
		err = errors.Join(err, cleanOne(ctx, dir, c, log))
	}
	for _, path := range aside {
		name, _, _ := strings.Cut(filepath.Base(path), ".")
		log(fmt.Sprintf("warning: %s is a note on the cluster %s that could not be read; %s; then remove the file", path, name, byHand(name)))
	}
	if err = errors.Join(err, dir.Sweep()); err != nil {
		return err
	}
	return cleanNetwork(ctx, dir, log)
}

// cleanNetwork removes the network that kind created for us, unless a container uses it, even a stopped one, which could not be
// started without it.
func cleanNetwork(ctx context.Context, dir state.Dir, log func(string)) error {
	n, ok := dir.MadeNetwork()
	if !ok {
		return nil
	}
	e := engine.New(n.Engine, n.EngineEnv)
	out, err := e.Output(ctx, "ps", "--all", "--filter", "network="+keeper.Network, "--format", "{{.Names}}")
	if ctx.Err() == nil && engine.Absent(err) {
		log(fmt.Sprintf("warning: the network %s, which an earlier run created with %s, may still be there: %v. Clean again when %s runs; if it will not, remove %s",
			keeper.Network, n.Engine, err, n.Engine, dir.NetworkNote()))
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the containers in the network %s: %w", keeper.Network, err)
	}
	if users := strings.Fields(string(out)); len(users) > 0 {
		log(fmt.Sprintf("the network %s is not removed: containers %s use it", keeper.Network, strings.Join(users, ", ")))
		return nil
	}
	// Without --force: an engine does not remove a network that a container uses since. A run that is about to use it creates it again.
	if rerr := e.Run(ctx, "network", "rm", keeper.Network); rerr != nil {
		if out, err = e.Output(ctx, "network", "ls", "--format", "{{.Name}}"); err != nil || slices.Contains(strings.Fields(string(out)), keeper.Network) {
			return fmt.Errorf("remove the network %s: %w", keeper.Network, errors.Join(rerr, err))
		}
	}
	return dir.ForgetNetwork() // also if somebody else has removed it
}

func cleanOne(ctx context.Context, dir state.Dir, c state.Cluster, log func(string)) error {
	if !strings.HasPrefix(c.Name, prefix) {
		return nil
	}
	lock, err := lockRun(dir, c.Name)
	if err != nil {
		return err
	}
	defer func() { dir.Leave(c.Name, lock) }()
	if err = awaitKeeper(ctx, dir, c.Name, log); err != nil {
		return exitcode.With(exitcode.Internal, err)
	}
	c, ok, err := dir.Read(c.Name)
	if err != nil || !ok {
		return err // its keeper has deleted it already
	}
	log("deleting cluster " + c.Name)
	if err := keeper.Remove(ctx, engineOf(c), c, log); err != nil {
		return exitcode.With(exitcode.Internal, err)
	}
	return dir.Remove(c.Name)
}

func engineOf(c state.Cluster) *engine.Engine { return engine.New(c.Engine, c.EngineEnv) }
