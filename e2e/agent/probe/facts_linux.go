package probe

import (
	"context"
	"reflect"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// factsEvery is how often it is seen whether what rarely changes has changed: a VM's command line, a resolv.conf.
const factsEvery = 5 * time.Second

// A program that is only just beginning has no command line yet. It is waited for, but not for ever: a process may have
// taken its own away.
const (
	soon     = 50 * time.Millisecond
	maxSoons = 20
)

// facts tells what /proc shows of the VM p: once it has begun, and again when that has changed, until ctx ends.
func (w *watch) facts(ctx context.Context, p proc.Process) {
	var told *recording.VM
	for early := 0; ; {
		plan, _ := w.current()
		v := w.o.fs.VM(p.PID, proc.NewSecrets(plan.Cookie, plan.DNSName))
		if now, alive := w.o.fs.Process(p.PID); !alive || now != p {
			return // what was read may be another's
		}
		wait := factsEvery
		switch v.Pod = w.pod.UID; {
		case len(v.Args) == 0 && early < maxSoons:
			early++
			wait = soon
		case told == nil || !reflect.DeepEqual(*told, v):
			told = &v
			w.emit(recording.Event{VM: &v})
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// resolver tells how the pod resolves names: at first, and again when that has changed.
func (w *watch) resolver() func(context.Context) {
	var told *recording.Resolver
	return func(context.Context) {
		plan, root := w.current()
		r := w.o.fs.Resolver(root, proc.NewSecrets(plan.Cookie, plan.DNSName))
		if _, alive := w.o.fs.Process(root); !alive {
			return // the container's files have gone with it; the next process shows them
		}
		r.Pod = w.pod.UID
		if told == nil || !reflect.DeepEqual(*told, r) {
			told = &r
			w.emit(recording.Event{Resolver: &r})
		}
	}
}

// fixed is an interval that no plan changes.
func fixed(d time.Duration) func(agent.Every) time.Duration {
	return func(agent.Every) time.Duration { return d }
}
