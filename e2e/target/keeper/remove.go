package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/target/state"
)

// ClusterLabel is the label that kind gives each node container, with the cluster's name
// (https://kind.sigs.k8s.io/docs/design/initial/, the providers' constants.go).
const ClusterLabel = "io.x-k8s.kind.cluster"

// Network is the name of the engine's network that kind makes for all its clusters.
const Network = "kind"

// Container is a node container of a kind cluster.
type Container struct{ ID, Name string }

// Nodes lists the node containers of a kind cluster, running or not, by name.
func Nodes(ctx context.Context, e *engine.Engine, cluster string) ([]Container, error) {
	return list(ctx, e, cluster, "--all")
}

// Running lists those of the node containers that run.
func Running(ctx context.Context, e *engine.Engine, cluster string) ([]Container, error) {
	return list(ctx, e, cluster)
}

func list(ctx context.Context, e *engine.Engine, cluster string, flags ...string) ([]Container, error) {
	args := append([]string{"ps"}, flags...)
	out, err := output(ctx, e, append(args, "--no-trunc", "--filter", "label="+ClusterLabel+"="+cluster, "--format", "{{.ID}} {{.Names}}")...)
	if err != nil {
		return nil, fmt.Errorf("list the nodes of cluster %s: %w", cluster, err)
	}
	var all []Container
	for _, line := range strings.Split(string(out), "\n") {
		if f := strings.Fields(line); len(f) >= 2 {
			all = append(all, Container{ID: f[0], Name: f[1]})
		}
	}
	slices.SortFunc(all, func(a, b Container) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Names are the containers' names.
func Names(all []Container) []string { return each(all, func(c Container) string { return c.Name }) }

// IDs are the containers' ids.
func IDs(all []Container) []string { return each(all, func(c Container) string { return c.ID }) }

func each(all []Container, what func(Container) string) []string {
	var s []string
	for _, c := range all {
		s = append(s, what(c))
	}
	return s
}

// The containers and volumes of a cluster were created at most clockDifference before it was requested (the engine may run in a
// virtual machine with a clock of its own) and at most creationWindow after that: kind creates them first.
const (
	clockDifference = time.Minute
	creationWindow  = 5 * time.Minute
)

// split divides the containers that have the cluster's name into those of the note and others. A container is the note's if its id
// is noted. If the keeper died before it could note all ids (or it was one of an earlier version, which noted none), the time at
// which the container was created decides.
func split(ctx context.Context, e *engine.Engine, c state.Cluster, all []Container) (ours, others []Container, err error) {
	for _, n := range all {
		mine := slices.Contains(c.IDs, n.ID)
		if !mine && !allNoted(c) {
			out, err := output(ctx, e, "inspect", "--format", "{{json .Created}}", n.ID)
			if err != nil {
				return nil, nil, fmt.Errorf("when was container %s created: %w", n.Name, err)
			}
			if mine, err = duringCreation(c, string(out)); err != nil {
				return nil, nil, fmt.Errorf("when was container %s created: %w", n.Name, err)
			}
		}
		if mine {
			ours = append(ours, n)
		} else {
			others = append(others, n)
		}
	}
	return ours, others, nil
}

// allNoted reports whether the note has the ids of all containers that were created for it.
func allNoted(c state.Cluster) bool { return len(c.IDs) > 0 && c.Phase != state.Creating }

// duringCreation reports whether a time, as the engine's JSON has it, lies in the creation of the cluster.
func duringCreation(c state.Cluster, created string) (bool, error) {
	t, err := time.Parse(time.RFC3339Nano, strings.Trim(strings.TrimSpace(created), `"`))
	if err != nil {
		return false, err
	}
	return t.After(c.Started.Add(-clockDifference)) && t.Before(c.Started.Add(creationWindow)), nil
}

// Remove removes the cluster's node containers and their volumes, quickly: kind's own delete waits for the engine's stop grace (some
// 14 s), but a node of a deleted cluster has nothing to save. It may be called for a cluster that is partly created or partly
// removed, and more than once. It does not touch the state file. What has the cluster's name and is not the note's is left alone,
// and log gets a sentence that says so.
func Remove(ctx context.Context, e *engine.Engine, c state.Cluster, log func(string)) error {
	if c.Phase == state.Creating && c.KeeperPID > 0 && c.KeeperPID != os.Getpid() {
		settleOrphan(ctx, e, c)
	}
	var last error
	for attempt := range 6 {
		if attempt > 1 || last != nil {
			// A mount inside the node may be busy for a moment after its processes were killed.
			select {
			case <-ctx.Done():
				return fmt.Errorf("remove cluster %s: %w", c.Name, errors.Join(context.Cause(ctx), last))
			case <-time.After(500 * time.Millisecond):
			}
		}
		var all, ours, others []Container
		if all, last = Nodes(ctx, e, c.Name); last != nil {
			continue
		}
		if ours, others, last = split(ctx, e, c, all); last != nil {
			continue
		}
		if len(ours) > 0 {
			_, _ = output(ctx, e, append([]string{"kill"}, IDs(ours)...)...) // one that does not run does not matter
			_, last = output(ctx, e, append([]string{"rm", "--force", "--volumes"}, IDs(ours)...)...)
			continue
		}
		if len(others) > 0 {
			names := Names(others)
			log(fmt.Sprintf("the cluster %s that exists is not the one in our note: it is left alone (containers %s; `%s rm --force --volumes %s` removes it)",
				c.Name, strings.Join(names, ", "), e.Command(), strings.Join(names, " ")))
			return nil // its volumes have the same labels as ours
		}
		return removeVolumes(ctx, e, c)
	}
	if last == nil {
		last = errors.New("its node containers are still there after they were removed")
	}
	return fmt.Errorf("remove cluster %s: %w", c.Name, last)
}

// settleOrphan waits until the engine commands of a keeper that was killed have ended, as settle does for its own: they can still
// create a container. The number of the keeper's process group may be another's by now, so the waiting has a limit.
func settleOrphan(ctx context.Context, e *engine.Engine, c state.Cluster) {
	for end := time.Now().Add(20 * time.Second); ctx.Err() == nil && inGroup(c.KeeperPID, c.KeeperPID) > 0 && time.Now().Before(end); {
		if all, err := Nodes(ctx, e, c.Name); err == nil {
			if ours, _, err := split(ctx, e, c, all); err == nil && len(ours) > 0 {
				_, _ = output(ctx, e, append([]string{"kill"}, IDs(ours)...)...) // ends a command that waits for the node
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// removeVolumes removes the volumes that kind's podman provider creates for a node's /var before the node, with the node's name as
// a label. Without this, one whose container was never created would stay for ever. docker's are anonymous and are removed with
// their container.
func removeVolumes(ctx context.Context, e *engine.Engine, c state.Cluster) error {
	if e.Name() != engine.Podman {
		return nil
	}
	for _, node := range c.Containers {
		out, err := output(ctx, e, "volume", "ls", "--filter", "label="+node+"=true", "--format", "{{.Name}} {{json .CreatedAt}}")
		if err != nil {
			return fmt.Errorf("list the volumes of %s: %w", node, err)
		}
		var volumes []string
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			name, created, found := strings.Cut(line, " ")
			if !found {
				continue
			}
			mine, err := duringCreation(c, created)
			if err != nil {
				return fmt.Errorf("when was volume %s created: %w", name, err)
			}
			if mine {
				volumes = append(volumes, name)
			}
		}
		if len(volumes) == 0 {
			continue
		}
		if _, err := output(ctx, e, append([]string{"volume", "rm", "--force"}, volumes...)...); err != nil {
			return fmt.Errorf("remove the volumes of %s: %w", node, err)
		}
	}
	return nil
}

// output runs an engine command in a process group of its own, so that neither the signal that ends kind's commands nor a Ctrl-C
// at the terminal ends the clean-up.
func output(ctx context.Context, e *engine.Engine, args ...string) ([]byte, error) {
	c := e.Cmd(ctx, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.Output()
	if err == nil {
		return out, nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return out, fmt.Errorf("%s %s: %w: %s", e.Command(), args[0], err, lastBytes(strings.TrimSpace(string(exit.Stderr)), 500))
	}
	return out, fmt.Errorf("%s %s: %w", e.Command(), args[0], err)
}
