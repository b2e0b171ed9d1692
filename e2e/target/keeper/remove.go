package keeper

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/target/state"
)

// clusterLabel is the label that kind gives each node container, with the cluster's name
// (https://kind.sigs.k8s.io/docs/design/initial/, the providers' constants.go).
const clusterLabel = "io.x-k8s.kind.cluster"

// Network is the name of the engine's network that kind makes for all its clusters.
const Network = "kind"

// Nodes lists the node containers of a kind cluster, running or not, by name.
func Nodes(ctx context.Context, e *engine.Engine, cluster string) ([]string, error) {
	return list(ctx, e, cluster, "--all")
}

// Running lists those of the node containers that run.
func Running(ctx context.Context, e *engine.Engine, cluster string) ([]string, error) {
	return list(ctx, e, cluster)
}

func list(ctx context.Context, e *engine.Engine, cluster string, flags ...string) ([]string, error) {
	args := append([]string{"ps"}, flags...)
	out, err := output(ctx, e, append(args, "--filter", "label="+clusterLabel+"="+cluster, "--format", "{{.Names}}")...)
	if err != nil {
		return nil, fmt.Errorf("list the nodes of cluster %s: %w", cluster, err)
	}
	nodes := strings.Fields(string(out))
	slices.Sort(nodes)
	return nodes, nil
}

// Remove removes the cluster's node containers and their volumes, quickly: kind's own delete waits for the engine's stop grace (some
// 14 s), but a node of a deleted cluster has nothing to save. It may be called for a cluster that is partly created or partly
// removed, and more than once. It does not touch the state file.
func Remove(ctx context.Context, e *engine.Engine, c state.Cluster) error {
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
		var nodes []string
		if nodes, last = Nodes(ctx, e, c.Name); last != nil {
			continue
		}
		if len(nodes) == 0 {
			return removeVolumes(ctx, e, c)
		}
		_, _ = output(ctx, e, append([]string{"kill"}, nodes...)...) // one that does not run does not matter
		_, last = output(ctx, e, append([]string{"rm", "--force", "--volumes"}, nodes...)...)
	}
	if last == nil {
		last = errors.New("its node containers are still there after they were removed")
	}
	return fmt.Errorf("remove cluster %s: %w", c.Name, last)
}

// removeVolumes removes the volumes that kind's podman provider creates for a node's /var before the node, with the node's name as
// a label. Without this, one whose container was never created would stay for ever. docker's are anonymous and are removed with
// their container.
func removeVolumes(ctx context.Context, e *engine.Engine, c state.Cluster) error {
	if e.Name() != engine.Podman {
		return nil
	}
	for _, node := range c.Containers {
		out, err := output(ctx, e, "volume", "ls", "--quiet", "--filter", "label="+node+"=true")
		if err != nil {
			return fmt.Errorf("list the volumes of %s: %w", node, err)
		}
		volumes := strings.Fields(string(out))
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
