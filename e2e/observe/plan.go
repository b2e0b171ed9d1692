package observe

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/observe/remote"
	"meshproof.dev/meshproof/e2e/recording"
)

// A pod that the API server has removed stays in the plan until its VM has ended and for linger after that, so that its end is
// seen. If the end of its VM is never seen (the node died), it is removed after maxLinger.
const (
	linger    = 2 * time.Second
	maxLinger = 60 * time.Second
)

// plans keeps what the agents are to observe. Safe for concurrent use.
type plans struct {
	mu      sync.Mutex
	now     func() time.Duration
	base    agent.Plan // without pods
	targets map[string]*target
	waiting map[chan struct{}]bool // those who send plans to agents
	fast    time.Duration          // until when agents look as often as they can
}

// fewPods is for how many pods agents may look faster: their looks must not be what makes the nodes slow.
const fewPods = 10

// faster lets the agents look faster for that time from now on, 0 for no longer.
func (p *plans) faster(during time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fast = p.now() + during
	p.wake()
}

// target is one pod of the plan.
type target struct {
	pod    agent.Pod
	last   *recording.Pod   // its latest state
	way    *agent.Transport // how to connect to its node, nil if its command line was not seen
	vm     bool             // an agent saw its VM run, and not yet end
	left   bool             // the API server has removed it, or calls it finished
	leftAt time.Duration
	exitAt time.Duration // 0 when no end of a VM was seen
}

func newPlans(o Options) *plans {
	return &plans{
		now: o.Now, targets: map[string]*target{}, waiting: map[chan struct{}]bool{},
		base: agent.Plan{DNSName: o.DNSName, EPMDPort: o.EPMDPort, DistPort: o.DistPort, Control: !o.NoControl, Reads: o.Reads, Every: o.Every},
	}
}

func (p *plans) setCookie(cookie []byte, common bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base.Cookie, p.base.CommonCookie = bytes.Clone(cookie), common
	p.wake()
}

func (p *plans) setIdentity(i *agent.Identity) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base.Identity = i
	p.wake()
}

// vm records how a pod's node must be dialled.
func (p *plans) vm(r *recording.VM) {
	p.mu.Lock()
	defer p.mu.Unlock()
	way := agent.Transport{TLS: r.OverTLS(), Port: r.FixedPort()}
	if t := p.targets[r.Pod]; t != nil && (t.way == nil || *t.way != way) {
		t.way = &way
		p.wake()
	}
}

// pod updates the plan with a pod's state.
func (p *plans) pod(r *recording.Pod) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[r.UID]
	// The address of a finished pod may belong to another by now.
	if r.Gone || r.Phase == "Succeeded" || r.Phase == "Failed" {
		if t != nil && !t.left {
			t.left, t.leftAt = true, p.now()
		}
		return
	}
	if r.IP == "" || r.Node == "" {
		return
	}
	q := agent.Pod{UID: r.UID, IP: r.IP, Node: r.Node}
	switch {
	case t == nil:
		p.targets[r.UID] = &target{pod: q, last: r}
	case t.pod == q:
		t.last = r
		return
	default:
		t.pod, t.last = q, r // it has a new sandbox
	}
	p.wake()
}

// process records whether a pod's VM runs or has ended.
func (p *plans) process(r *recording.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.targets[r.Pod]
	if t == nil {
		return
	}
	if t.vm = !r.Exited; r.Exited {
		t.exitAt = p.now()
	}
}

func (t *target) ended(now time.Duration) bool {
	switch {
	case !t.left:
		return false
	case t.vm:
		return now > t.leftAt+maxLinger
	default:
		return now > max(t.leftAt, t.exitAt)+linger
	}
}

// current is what the agents must observe now: nothing before the cookie is known.
func (p *plans) current() agent.Plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	plan := p.base
	plan.Transports = map[string]agent.Transport{}
	for uid, t := range p.targets {
		switch {
		case t.ended(p.now()):
			delete(p.targets, uid)
		case len(plan.Cookie) > 0:
			plan.Pods = append(plan.Pods, t.pod)
			if t.way != nil {
				plan.Transports[uid] = *t.way
			}
		}
	}
	plan.Fast = p.now() < p.fast && len(plan.Pods) <= fewPods
	slices.SortFunc(plan.Pods, func(a, b agent.Pod) int { return strings.Compare(a.UID, b.UID) })
	return plan
}

// remote are the pods of the current plan that still run, as exec and port-forward need them.
func (p *plans) remote() []remote.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []remote.Pod
	for _, t := range p.targets {
		if t.left || len(p.base.Cookie) == 0 {
			continue
		}
		all = append(all, remotePod(t.last))
	}
	return all
}

// remotePod is a pod as exec and port-forward need it.
func remotePod(r *recording.Pod) remote.Pod {
	p := remote.Pod{Pod: agent.Pod{UID: r.UID, IP: r.IP, Node: r.Node}, Name: r.Name}
	var running []string
	for _, c := range r.Containers {
		if c.State == "running" {
			running = append(running, c.Name)
			p.Starts += 1 + int(c.Restarts)
		}
	}
	p.Containers = strings.Join(running, " ")
	return p
}

// nodes are those on which an agent is needed.
func (p *plans) nodes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, t := range p.targets {
		if !t.left && !slices.Contains(all, t.pod.Node) {
			all = append(all, t.pod.Node)
		}
	}
	slices.Sort(all)
	return all
}

// subscribe returns a channel that signals each change of the plan.
func (p *plans) subscribe() (news chan struct{}, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = make(chan struct{}, 1)
	p.waiting[news] = true
	return news, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, news)
	}
}

func (p *plans) wake() {
	for c := range p.waiting {
		nudge(c)
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
