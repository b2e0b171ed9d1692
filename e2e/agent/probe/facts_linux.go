package probe

import (
	"context"
	"reflect"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/proc"
	"meshproof.dev/meshproof/e2e/recording"
)

// factsEvery is the interval for facts that rarely change: a VM's command line, a resolv.conf.
const factsEvery = 5 * time.Second

// A process that has just started has no command line yet. The number of retries is limited, because a process can remove
// its command line for good.
const (
	startRetry      = 50 * time.Millisecond
	maxStartRetries = 20
)

// recordVM records what /proc shows of the VM p: when it has started, and again after each change, until ctx ends.
func (w *watch) recordVM(ctx context.Context, p proc.Process) {
	var last *recording.VM
	var known proc.Secrets
	for early := 0; ; {
		plan, _ := w.current()
		known = known.For(plan.Cookie, publicWords(plan))
		v := w.o.fs.VM(p.PID, known)
		if now, alive := w.o.fs.Process(p.PID); !alive || now != p {
			return // what was read may belong to another process
		}
		wait := factsEvery
		switch v.Pod = w.pod.UID; {
		case len(v.Args) == 0 && early < maxStartRetries:
			early++
			wait = startRetry
		case last == nil || !reflect.DeepEqual(*last, v):
			last = &v
			w.emit(recording.Event{VM: &v})
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// resolverRecorder returns a function that records the pod's resolver configuration if it is new or has changed.
func (w *watch) resolverRecorder() func(context.Context) {
	var last *recording.Resolver
	var known proc.Secrets
	return func(context.Context) {
		plan, root := w.current()
		known = known.For(plan.Cookie, publicWords(plan))
		r := w.o.fs.Resolver(root, known)
		if _, alive := w.o.fs.Process(root); !alive {
			return // the container's files are gone; the next process will show them
		}
		r.Pod = w.pod.UID
		if last == nil || !reflect.DeepEqual(*last, r) {
			last = &r
			w.emit(recording.Event{Resolver: &r})
		}
	}
}

// publicWords are the words of a plan that are no secret.
func publicWords(p agent.Plan) string {
	if p.CommonCookie {
		return p.DNSName + "\n" + string(p.Cookie)
	}
	return p.DNSName
}

// fixedInterval is an interval that does not depend on the plan.
func fixedInterval(d time.Duration) func(agent.Every) time.Duration {
	return func(agent.Every) time.Duration { return d }
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
