package target

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// Sweep deletes the clusters whose keeper died without deleting them: those that have a record in stateDir and our prefix, are not
// kept, and are not used by a run. Kind does this itself.
func Sweep(ctx context.Context, stateDir string, log func(string)) error {
	return sweep(ctx, state.Dir(stateDir), "", oneAtATime(log))
}

// sweep is Sweep by a run that already holds the lock on the cluster named mine. Only a failure with that one is an error; others
// are logged.
func sweep(ctx context.Context, dir state.Dir, mine string, log func(string)) error {
	all, err := dir.List()
	for _, c := range all {
		if c.Kept {
			continue
		}
		serr := sweepOne(ctx, dir, c, c.Name == mine, log)
		switch {
		case serr == nil:
		case mine == "" || c.Name == mine:
			err = errors.Join(err, serr)
		default:
			log("warning: " + serr.Error())
		}
	}
	return err
}

func sweepOne(ctx context.Context, dir state.Dir, c state.Cluster, locked bool, log func(string)) error {
	if !strings.HasPrefix(c.Name, DefaultName) {
		return nil // the file is not one that we write
	}
	if alive, err := dir.KeeperAlive(c.Name); alive || err != nil {
		return err
	}
	if !locked {
		lock, err := dir.Run(c.Name)
		var held *state.HeldError
		if errors.As(err, &held) {
			return nil // its run is alive and will delete it
		}
		if err != nil {
			return err
		}
		defer lock.Unlock()
	}
	log(fmt.Sprintf("deleting cluster %s of %s, left by an earlier run whose keeper (process %d) is gone", c.Name, c.Started.Format("2006-01-02 15:04:05"), c.KeeperPID))
	if err := keeper.Remove(ctx, engineOf(c), c); err != nil {
		return err
	}
	return dir.Remove(c.Name)
}

// awaitKeeper waits for the keeper of a run that died: it is deleting the cluster.
func awaitKeeper(ctx context.Context, dir state.Dir, name string, log func(string)) error {
	said := false
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
// "kind" is removed with the last of them if our first cluster created it and nothing uses it. A cluster that a run uses is not
// touched, and the error (code 69) says so; without an error stateDir may be removed.
func Clean(ctx context.Context, stateDir string, log func(string)) error {
	dir, log := state.Dir(stateDir), oneAtATime(log)
	all, err := dir.List()
	for _, c := range all {
		err = errors.Join(err, cleanOne(ctx, dir, c, log))
	}
	if err != nil {
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
	if err != nil {
		return fmt.Errorf("list the containers in the network %s: %w", keeper.Network, err)
	}
	if users := strings.Fields(string(out)); len(users) > 0 {
		log(fmt.Sprintf("the network %s is not removed: containers %s use it", keeper.Network, strings.Join(users, ", ")))
		return nil
	}
	if err := e.Run(ctx, "network", "rm", keeper.Network); err != nil {
		return fmt.Errorf("remove the network %s: %w", keeper.Network, err)
	}
	return dir.ForgetNetwork()
}

func cleanOne(ctx context.Context, dir state.Dir, c state.Cluster, log func(string)) error {
	if !strings.HasPrefix(c.Name, DefaultName) {
		return nil
	}
	lock, err := lockRun(dir, c.Name)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if err = awaitKeeper(ctx, dir, c.Name, log); err != nil {
		return exitcode.With(exitcode.Internal, err)
	}
	c, ok, err := dir.Read(c.Name)
	if err != nil || !ok {
		return err // its keeper has deleted it already
	}
	log("deleting cluster " + c.Name)
	if err := keeper.Remove(ctx, engineOf(c), c); err != nil {
		return exitcode.With(exitcode.Internal, err)
	}
	return dir.Remove(c.Name)
}

func engineOf(c state.Cluster) *engine.Engine { return engine.New(c.Engine, c.EngineEnv) }
