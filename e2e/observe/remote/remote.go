// Package remote observes pods without an agent: through the API server's port-forward and exec. It stands in for the agents where
// a cluster refuses their pods.
//
// In: a REST configuration and plans. Out: events, the same that an agent emits, passed to a function as they happen. A
// port-forward ends on the pod's loopback and exec needs a program in the image, so much is not seen: Start says what, and why.
// It gives no verdict. It starts nothing in a container but cat, one at a time.
package remote

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/agent/viewer"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// Options are what is needed to observe a workload.
type Options struct {
	Rest      *rest.Config
	Client    kubernetes.Interface
	Namespace string
	NoAgent   string // why no agent observes the workload
	NoCookie  string // why there will be no cookie; "" where a plan brings one, before which nothing is done
	Emit      func(recording.Event)
	Caught    func(error) // a panic of ours
}

// Pod is one pod of a plan, as exec and port-forward need it.
type Pod struct {
	agent.Pod
	Name       string
	Containers string // the names of those that run, with a space between, the pod's own order
	Starts     int    // how often its containers were started
}

// Observer observes the pods of the current plan.
type Observer struct {
	Options
	execs   sync.Mutex // held while a command runs in a container
	changed chan struct{}

	mu       sync.Mutex
	plan     agent.Plan
	pods     []Pod
	identity viewer.Identity            // of the plan
	ways     map[string]agent.Transport // of the nodes whose command line was seen, by pod UID
	did      map[string]int             // what was done in and to the pods, by its name
	cannot   map[string]string          // what cannot be seen, and why

	watched map[string]*watch // used by Run's goroutine only
	wg      sync.WaitGroup
}

// New returns an observer that has no plan yet.
func New(o Options) *Observer {
	return &Observer{Options: o, changed: make(chan struct{}, 1), ways: map[string]agent.Transport{}, cannot: unable(o), did: map[string]int{}, watched: map[string]*watch{}}
}

// unable says what can never be seen from here, and why.
func unable(o Options) map[string]string {
	cannot := map[string]string{
		recording.AnAgent:           o.NoAgent,
		string(recording.KindDNS):   "what a pod's DNS queries are answered, which takes an agent in its network namespace",
		string(recording.KindAsked): "which DNS queries a pod sends, which takes an agent in its network namespace",
		recording.PeerDials:         "whether a pod reaches its peers, which takes an agent in its network namespace",
		recording.LinkTimes:         "when data last arrived on a link, which takes an agent in the pod's network namespace",
		recording.Environment:       "the environment of the VM, which takes an agent: it may hold other secrets, so it is not read through exec",
	}
	if o.NoCookie != "" {
		cannot[recording.ACookie] = o.NoCookie
		for what, k := range map[string]recording.Kind{"which cookie a node accepts": recording.KindCookie, "what a node has in nodes()": recording.KindNodes, "the settings of a node": recording.KindKernel} {
			cannot[string(k)] = what + ": " + o.NoCookie
		}
	}
	return cannot
}

// waits reports whether nothing may be done yet, because the cookie is not known.
func (o *Observer) waits(p agent.Plan) bool { return len(p.Cookie) == 0 && o.NoCookie == "" }

// SetPlan sets the pods to observe, and all else that an agent's plan has.
func (o *Observer) SetPlan(p agent.Plan, pods []Pod) {
	o.mu.Lock()
	o.plan, o.pods, o.identity = p, pods, o.identity.ForPlan(p)
	o.mu.Unlock()
	if len(pods) > maxTables {
		o.lose("the socket tables of more than six pods: reading them needs a process in each pod every second", recording.KindSockets)
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// Run observes until the context ends.
func (o *Observer) Run(ctx context.Context) {
	defer o.wg.Wait()
	defer func() {
		for _, w := range o.watched {
			w.cancel()
		}
	}()
	o.start()
	o.spawn(func() { o.beat(ctx) })
	for {
		o.mu.Lock()
		pods := o.pods
		o.mu.Unlock()
		there := map[string]bool{}
		for _, p := range pods {
			there[p.UID] = true
			w := o.watched[p.UID]
			if w != nil && w.pod.Pod != p.Pod {
				w.cancel() // it has another address
				w = nil
			}
			if w == nil {
				w = o.watch(ctx, p)
				o.watched[p.UID] = w
			}
			w.set(p)
		}
		for uid, w := range o.watched {
			if !there[uid] {
				w.cancel()
				delete(o.watched, uid)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-o.changed:
		}
	}
}

func (o *Observer) spawn(f func()) { guard.Go(&o.wg, o.Caught, f) }

// current is the plan, and the identity in it.
func (o *Observer) current() (agent.Plan, viewer.Identity) {
	o.mu.Lock()
	defer o.mu.Unlock()
	plan := o.plan
	plan.Transports = maps.Clone(o.ways)
	return plan, o.identity
}

// learn keeps how to connect to a node.
func (o *Observer) learn(vm *recording.VM) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ways[vm.Pod] = agent.Transport{TLS: vm.OverTLS(), Port: vm.FixedPort()}
}

// start records what can be seen from here.
func (o *Observer) start() {
	o.mu.Lock()
	s := recording.Start{Version: "v1"}
	for _, what := range slices.Sorted(maps.Keys(o.cannot)) {
		s.Cannot = append(s.Cannot, what+": "+o.cannot[what])
	}
	for _, k := range []recording.Kind{recording.KindAnswer, recording.KindCookie, recording.KindDist, recording.KindEPMD, recording.KindKernel, recording.KindNodes, recording.KindRegistration, recording.KindSockets, recording.KindVM} {
		if _, lost := o.cannot[string(k)]; !lost {
			s.Can = append(s.Can, string(k))
		}
	}
	o.mu.Unlock()
	o.Emit(recording.Event{Start: &s})
}

// lose records that events of these kinds cannot be had, and why.
func (o *Observer) lose(why string, kinds ...recording.Kind) {
	o.mu.Lock()
	news := false
	for _, k := range kinds {
		if _, known := o.cannot[string(k)]; !known {
			o.cannot[string(k)], news = why, true
		}
	}
	o.mu.Unlock()
	if news {
		o.start()
	}
}

// lost reports whether events of the kind cannot be had.
func (o *Observer) lost(k recording.Kind) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, lost := o.cannot[string(k)]
	return lost
}

// beat records that the observer is alive, and how late its own timer was.
func (o *Observer) beat(ctx context.Context) {
	for due := time.Now(); ; {
		due = due.Add(agent.EveryBeat)
		if !pause(ctx, time.Until(due)) {
			return
		}
		late := max(0, time.Since(due))
		if o.Emit(recording.Event{Beat: &recording.Beat{Late: late}}); late > agent.EveryBeat {
			due = time.Now()
		}
	}
}

// pause waits, and reports whether to go on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(max(0, d)):
		return true
	}
}

// firstLine is the first line of an error, for a sentence.
func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
