// Package observe turns a live cluster into events: Kubernetes watches for what the API server says, agents' streams for
// what is seen from inside the pods.
//
// In: a cluster's REST configuration, a namespace, agents. Out: events given to a sink, with times on the harness's
// clock. It judges nothing; what it could not see it records as a gap or as an error of its own.
package observe

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// Options says what to observe and where it goes. Rest, Client, Namespace, Now and Sink are needed.
type Options struct {
	Rest           *rest.Config
	Client         kubernetes.Interface
	Namespace      string                                            // of the workload
	AgentNamespace string                                            // where the agents run, which may serve others, too; "" for none
	NoAgents       string                                            // why there are none: pods are observed through port-forward and exec then
	Token          agent.Token                                       // of the run that has started them
	DNSName        string                                            // asked from each pod, as in agent.Plan
	EPMDPort       int                                               // 0 for a workload without epmd
	DistPort       int                                               // the declared one, 0 for none
	NoControl      bool                                              // try no wrong cookie: it writes an error report into each node's log
	Reads          []agent.Read                                      // what is read from each node beside its view
	Every          agent.Every                                       // how often the agents look; zero for the defaults
	Owns           func(labels map[string]string, owner string) bool // which pods are the workload's; nil for all but agents
	Redactor       *secrets.Redactor                                 // redacts the recorded text; nil: one that knows the cookie alone
	Now            func() time.Duration                              // the harness's clock, t = 0 is the recording's start
	Sink           func(recording.Event)                             // called from several goroutines; must not call the Observer
	Log            func(string)                                      // progress, may be nil
	Caught         func(error)                                       // a panic of ours; the observation is no longer complete then
}

// Observer is everything that watches one workload.
type Observer struct {
	Options
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	connect func(pod string) *agentclient.Client
	plans   *plans
	fleet   *fleet
	pods    *podIndex
	pace    pace
	outage  outage
}

// pace is how often things are done; tests use shorter intervals.
type pace struct {
	beat  time.Duration // the API server is queried, and must answer within the same time
	again time.Duration // a watch that ended is resumed
	clock time.Duration // an agent's clock is measured
	plan  time.Duration // an agent is sent its plan, in case it has restarted
	retry time.Duration // a lost connection to an agent is opened again
	miss  time.Duration // the agent of a node with pods of the workload may be silent before that is recorded
}

// Start starts the observation. Agents are followed as soon as they run; until SetCookie they have nothing to do. An error
// means that something could not even be listed. Stop ends the observation.
func Start(ctx context.Context, o Options) (*Observer, error) {
	ob := newObserver(o)
	ob.connect = func(pod string) *agentclient.Client {
		return agentclient.New(o.Rest, o.Client, o.AgentNamespace, pod, o.Namespace, o.Token)
	}
	return ob, ob.start(ctx)
}

func newObserver(o Options) *Observer {
	if o.Owns == nil {
		o.Owns = func(labels map[string]string, _ string) bool { _, is := labels[agentclient.Label]; return !is }
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Redactor == nil {
		o.Redactor = &secrets.Redactor{}
	}
	return &Observer{Options: o, plans: newPlans(o), fleet: newFleet(), pods: newPodIndex(), outage: outage{cut: make(chan struct{})},
		pace: pace{beat: time.Second, again: 100 * time.Millisecond, clock: 10 * time.Second, plan: time.Second, retry: 200 * time.Millisecond, miss: 3 * time.Second}}
}

func (o *Observer) start(ctx context.Context) error {
	ctx, o.cancel = context.WithCancel(ctx)
	if err := o.watchKube(ctx); err != nil {
		o.Stop()
		return err
	}
	switch {
	case o.NoAgents != "":
		o.spawn(func() { o.remote(ctx) })
	case o.AgentNamespace != "":
		o.spawn(func() { o.reportMissingAgents(ctx) })
	}
	return nil
}

// spawn starts a goroutine that Stop waits for.
func (o *Observer) spawn(f func()) { guard.Go(&o.wg, o.Caught, f) }

// bug reports an error that is a panic of ours. The others are part of what was observed.
func (o *Observer) bug(err error) {
	if guard.Bug(err) != nil && o.Caught != nil {
		o.Caught(err)
	}
}

// SetCookie gives the agents the cookie, which they need to query nodes. From then on the cookie is redacted in all recorded text.
func (o *Observer) SetCookie(cookie []byte) {
	o.Redactor.Guard(cookie)
	o.plans.setCookie(cookie, o.Redactor.Common(cookie))
}

// SetIdentity gives the agents the certificate for TLS connections to the nodes. Call it before SetCookie: until then no node is
// dialled. [Options.Redactor] must guard its key.
func (o *Observer) SetIdentity(i *agent.Identity) { o.plans.setIdentity(i) }

// Stop ends all observation and waits for it. No event comes after it.
func (o *Observer) Stop() {
	// The silence at the end of the recording must not count as healthy.
	gaps := o.fleet.blind(o.Now())
	o.cancel()
	o.wg.Wait()
	for node, gap := range gaps {
		o.Sink(recording.Event{T: o.Now(), By: recording.ByAgent(node), Gap: &gap})
	}
}

// kube records events from the API server.
func (o *Observer) kube(e recording.Event) {
	e.T, e.By = o.Now(), recording.ByKube
	o.Sink(e)
}
