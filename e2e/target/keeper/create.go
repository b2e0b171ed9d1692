package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
	kindexec "sigs.k8s.io/kind/pkg/exec"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/target/state"
)

// create creates the cluster. The phase is Up if the cluster is up, or Creating if the harness has cancelled it (or has died) and
// it must be removed. An error means that it failed and is removed already.
func (p *process) create() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	nodes, err := Nodes(ctx, p.e, p.c.Name)
	cancel()
	if err != nil {
		return err
	}
	if len(nodes) > 0 {
		return fmt.Errorf("containers %s belong to a cluster %s that is not ours", strings.Join(Names(nodes), ", "), p.c.Name)
	}
	p.c.Phase, p.c.Kept = state.Creating, false
	if err = p.dir.Write(p.c); err != nil {
		return fmt.Errorf("record the cluster before creating it: %w", err)
	}
	p.noteNetwork()
	for attempt := 1; ; attempt++ {
		done := make(chan error, 1)
		guard.Go(nil, func(err error) { done <- err }, func() { done <- p.kindCreate() })
		stopNoting := p.noteNodes()
		cancelled := false
		select {
		case err = <-done:
		case <-p.orders: // delete, or the harness is gone
			cancelled = true
			p.endCreate(done)
		}
		stopNoting()
		if cancelled {
			return nil
		}
		if err == nil {
			if err = p.up(); err != nil {
				return p.failed(fmt.Errorf("note the containers of the cluster: %w", err))
			}
			return nil
		}
		if why := raced(err); why != "" && attempt < 3 {
			p.log(why + "; creating the cluster again")
			p.settle(nil)
			rctx, rcancel := context.WithTimeout(context.Background(), removeBudget)
			rerr := Remove(rctx, p.e, p.c, p.log)
			rcancel()
			if rerr == nil {
				p.c.Started, p.c.IDs = time.Now(), nil
				continue
			}
		}
		p.collect()
		p.settle(nil)
		return p.failed(p.explain(err))
	}
}

// noteInterval is how often the keeper looks for containers that it has not noted yet.
const noteInterval = 300 * time.Millisecond

// noteNodes notes the ids of the node containers while kind creates them, until all are noted or stop is called, which waits.
// kind gives no way to label them; but nobody else's had the cluster's name when the creation began.
func (p *process) noteNodes() (stop func()) {
	ended, stopped := make(chan struct{}), make(chan struct{})
	guard.Go(nil, func(err error) { p.log(err.Error()) }, func() {
		defer close(ended)
		for {
			select {
			case <-stopped:
				return
			case <-time.After(noteInterval):
			}
			if err := p.noteNow(); err == nil && len(p.c.IDs) == len(p.c.Containers) {
				return
			}
		}
	})
	return func() { close(stopped); <-ended }
}

// noteNow notes the ids of the containers that exist now.
func (p *process) noteNow() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	nodes, err := Nodes(ctx, p.e, p.c.Name)
	if err != nil {
		return err
	}
	had := p.c.IDs
	if p.c.IDs = IDs(nodes); slices.Equal(p.c.IDs, had) {
		return nil
	}
	if err = p.dir.Write(p.c); err != nil {
		p.c.IDs = had
	}
	return err
}

// up notes that all containers exist and that the cluster is up.
func (p *process) up() error {
	if err := p.noteNow(); err != nil {
		return err
	}
	c := p.c
	c.Phase = state.Up
	if err := p.dir.Write(c); err != nil {
		return err
	}
	p.c = c
	return nil
}

// noteNetwork records that kind will create the engine's network for its clusters, so that it can be removed with everything else.
// If the engine cannot list its networks, the network is not removed later.
func (p *process) noteNetwork() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := output(ctx, p.e, "network", "ls", "--format", "{{.Name}}")
	if err == nil && !slices.Contains(strings.Fields(string(out)), Network) {
		_ = p.dir.NoteNetwork(state.Network{Engine: p.c.Engine, EngineEnv: p.c.EngineEnv})
	}
}

func (p *process) provider() *cluster.Provider {
	with := cluster.ProviderWithDocker()
	if p.c.Engine == engine.Podman {
		with = cluster.ProviderWithPodman()
	}
	return cluster.NewProvider(cluster.ProviderWithLogger(kindLog{p.kindLog}), with)
}

// kindLog logs kind's messages, until its errors are caused by us.
func (p *process) kindLog(text string) {
	if !p.calledOff.Load() {
		p.log(text)
	}
}

func (p *process) kindCreate() error {
	return p.provider().Create(p.c.Name,
		cluster.CreateWithRawConfig([]byte(p.c.Config)),
		cluster.CreateWithRetain(true), // we remove it ourselves, quickly, after the logs were taken
		cluster.CreateWithKubeconfigPath(p.c.Kubeconfig),
		cluster.CreateWithDisplayUsage(false),
		cluster.CreateWithDisplaySalutation(false),
	)
}

// endCreate makes kind's Create return: it kills the nodes, so that what Create waits for ends and what it tries next fails.
func (p *process) endCreate(done <-chan error) {
	p.log("cancelling the creation of cluster " + p.c.Name)
	p.calledOff.Store(true)
	p.settle(done)
}

// settle waits until kind's Create has returned (done; nil: it has) and every engine command that it started has ended: with
// several nodes, Create returns at the first failure while other commands still run, and a node that they create after the
// removal would stay.
//
// An engine command is never ended while it creates a container. A `podman run` that gets a SIGTERM at the wrong moment leaves a
// network namespace, a bridge and an entry in the network's name server (seen with podman 4.3), and then the names of all
// containers on that network stop resolving. Only after a long wait, if something hangs, the commands get a SIGTERM.
func (p *process) settle(done <-chan error) {
	const patience = time.Minute
	for begin := time.Now(); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if nodes, err := Nodes(ctx, p.e, p.c.Name); err == nil && len(nodes) > 0 {
			_, _ = output(ctx, p.e, append([]string{"kill"}, IDs(nodes)...)...) // one that does not run yet is next time
		}
		cancel()
		if done == nil && commandsOfOurs() == 0 {
			return
		}
		if time.Since(begin) > patience {
			p.log("the engine's commands still run; sending them SIGTERM")
			_ = syscall.Kill(0, syscall.SIGTERM) // our own group; we ignore the signal
			if time.Since(begin) > 2*patience && done == nil {
				return
			}
		}
		select {
		case <-done: //nolint:errcheck // why Create failed is reported elsewhere; only its end counts here
			done = nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// races are what a creation can fail with because another program on this machine did something at the same time, and the parts of
// the engines' messages that say so. The next attempt can succeed.
var races = []struct {
	why      string
	messages []string
}{
	// kind chooses a free port and closes it before the engine binds it.
	{"another process uses the API server's port now", []string{"address already in use", "port is already allocated"}},
	// kind looks for its network before it creates it, or uses it.
	{"another run has created the network " + Network + " at the same time", []string{"network name " + Network + " already used", "network already exists"}},
	{"the network " + Network + " has been removed", []string{"network not found", "network " + Network + " not found"}},
}

// raced says which race a creation has lost; empty: none.
func raced(err error) string {
	s := err.Error() + commandOutput(err)
	for _, r := range races {
		for _, m := range r.messages {
			if strings.Contains(s, m) {
				return r.why
			}
		}
	}
	return ""
}

func commandOutput(err error) string {
	if run := kindexec.RunErrorForError(err); run != nil {
		return string(run.Output)
	}
	return ""
}

// explain adds the end of the failing command's output to kind's error; all of it is in the keeper's log and, if there is one, in
// the logs directory.
func (p *process) explain(err error) error {
	out := strings.TrimSpace(commandOutput(err))
	if out == "" {
		return err
	}
	fmt.Fprintln(os.Stderr, out)
	if p.spec.LogsDir != "" {
		if merr := os.MkdirAll(p.spec.LogsDir, 0o755); merr == nil {
			_ = os.WriteFile(filepath.Join(p.spec.LogsDir, "failed-command.txt"), []byte(out+"\n"), 0o644)
		}
	}
	return fmt.Errorf("%w; its last output: %s", err, lastBytes(out, 1500))
}

// collect saves the nodes' logs before they are removed.
func (p *process) collect() {
	if p.spec.LogsDir == "" {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), 30*time.Second, errors.New("30 s were not enough"))
	defer cancel()
	if err := CollectLogs(ctx, p.e, p.c.Name, p.spec.LogsDir); err != nil {
		p.log("the nodes' logs are incomplete: " + err.Error())
	}
}
