package keeper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/target/state"
)

// removeBudget limits the deletion of a cluster, which normally takes a few seconds.
const removeBudget = 2 * time.Minute

// process is the keeper's side: one cluster, orders in, events out.
type process struct {
	orders chan order // closed when the harness is gone or has no more orders

	mu  sync.Mutex
	out *json.Encoder

	dir  state.Dir
	spec Spec
	c    state.Cluster
	e    *engine.Engine

	calledOff atomic.Bool // the creation is being cancelled, so kind's errors mean nothing
}

// run is the whole life of a keeper process. It returns the exit code, which nothing depends on.
func run() int {
	// Caught and dropped, not ignored: an ignored signal would also be ignored in kind's commands, and we end those by SIGTERM.
	// SIGPIPE comes if we write to the harness after it has ended.
	signal.Notify(make(chan os.Signal, 8), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	const ordersFD, eventsFD = 3, 4
	// If the engine's daemons inherited these, the harness would never see our end.
	syscall.CloseOnExec(ordersFD)
	syscall.CloseOnExec(eventsFD)
	p := &process{orders: make(chan order), out: json.NewEncoder(os.NewFile(eventsFD, "events"))}
	guard.Go(nil, func(err error) { p.say(evLog, err.Error()); close(p.orders) }, func() { p.listen(os.NewFile(ordersFD, "orders")) })
	p.say(evHello, "")
	return p.guarded()
}

// guarded is live, but a bug in it removes the cluster and is said to the harness, instead of ending the keeper at once.
func (p *process) guarded() int {
	code := 1
	if err := guard.Try(func() error { code = p.live(); return nil }); err != nil {
		if p.c.Phase != "" { // there may be something of ours
			err = p.failed(err)
		}
		p.say(evFailed, err.Error())
	}
	return code
}

// live carries out the orders.
func (p *process) live() int {
	first, ok := <-p.orders
	if !ok || first.Spec == nil {
		return 0
	}
	lock, err := p.begin(*first.Spec)
	if err != nil {
		p.say(evFailed, err.Error())
		return 1
	}
	defer func() { p.dir.Leave(p.c.Name, lock) }()
	if first.Do == doCreate {
		err = p.create()
	} else {
		err = p.adopt()
	}
	if err != nil {
		p.say(evFailed, err.Error())
		return 1
	}
	if p.c.Phase == state.Up {
		p.say(evCreated, "")
		// The first order decides; a closed channel means that the harness has ended: delete, as for any other order.
		if o, open := <-p.orders; open && o.Do == doRelease {
			return p.release()
		}
	}
	if err := p.remove(); err != nil {
		p.say(evStands, err.Error())
		return 1
	}
	p.say(evDeleted, "")
	return 0
}

func (p *process) listen(f *os.File) {
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var o order
		if json.Unmarshal(in.Bytes(), &o) == nil {
			p.orders <- o
		}
	}
	close(p.orders)
}

// say sends an event to the harness; if that is gone, the keeper's own log still has it.
func (p *process) say(ev, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text != "" || ev != evLog {
		fmt.Fprintf(os.Stderr, "%s %s %s\n", time.Now().Format("15:04:05.000"), ev, text)
	}
	_ = p.out.Encode(event{ev, text})
}

func (p *process) log(text string) { p.say(evLog, text) }

// begin takes the keeper's lock and sets the engine's variables in our environment, which kind's commands inherit.
func (p *process) begin(spec Spec) (*state.Lock, error) {
	p.spec, p.c, p.dir = spec, spec.Cluster, state.Dir(spec.StateDir)
	p.c.KeeperPID = os.Getpid()
	p.e = engine.New(p.c.Engine, p.c.EngineEnv)
	for _, kv := range p.c.EngineEnv {
		for i := range kv {
			if kv[i] == '=' {
				if err := os.Setenv(kv[:i], kv[i+1:]); err != nil {
					return nil, err
				}
				break
			}
		}
	}
	if spec.ModulesDir != "" {
		if err := shimPodman(spec.StateDir, spec.ModulesDir); err != nil {
			return nil, err
		}
	}
	// A process that only checks whether a keeper is alive holds the lock for a moment.
	var lock *state.Lock
	var err error
	for range 20 {
		if lock, err = p.dir.Keeper(p.c.Name); err == nil {
			return lock, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, fmt.Errorf("cluster %s has a keeper already: %w", p.c.Name, err)
}

func (p *process) adopt() error {
	p.c.Phase, p.c.Kept = state.Up, false
	return p.dir.Write(p.c)
}

func (p *process) release() int {
	p.c.Kept = true
	if err := p.dir.Write(p.c); err != nil {
		p.say(evStands, "could not record that the cluster is kept: "+err.Error())
		return 1
	}
	p.say(evReleased, "")
	return 0
}

// remove deletes the cluster and its records.
func (p *process) remove() error {
	if p.c.Phase == state.Creating {
		_ = p.noteNow() // what has come to be since the last look
	} else {
		p.c.Phase = state.Deleting
		_ = p.dir.Write(p.c) // for messages only
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), removeBudget, fmt.Errorf("not done within %s", removeBudget))
	defer cancel()
	if err := Remove(ctx, p.e, p.c, p.log); err != nil {
		return err
	}
	return p.dir.Remove(p.c.Name)
}

// failed removes what a failed create has left and reports both errors.
func (p *process) failed(err error) error {
	if rerr := p.remove(); rerr != nil {
		return errors.Join(err, fmt.Errorf("and what was created still exists: %w", rerr))
	}
	return err
}
