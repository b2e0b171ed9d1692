package agent

import (
	"cmp"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// How often an agent looks at all pods of one workload together, in looks per second of one kind: its own looking must not be what
// makes the node slow. With more pods each is looked at less often. A socket table is the dearest look, since the kernel walks through
// the connections of all namespaces for each; and fifty pods are 2,500 pairs. A pair is dialled for the first time, and again after a
// dial that has failed, sooner ([First], [Sooner]).
const (
	MaxViewsPerSecond  = 60
	MaxTablesPerSecond = 30
	MaxDNSPerSecond    = 25
	MaxDialsPerSecond  = 60
)

// How often it looks at all pods of all workloads together, for each core of its node and at least two. On two cores a dozen workloads
// of three pods each are looked at nearly as often as one alone. With more all are looked at less often, each by the same factor.
const (
	coreViewsPerSecond  = 60
	coreTablesPerSecond = 60
	coreDNSPerSecond    = 30
	coreDialsPerSecond  = 60
)

// Sooner is how soon a pair is dialled again after a dial that has failed, by the interval of its dials: a pod that does not listen
// yet soon will.
func Sooner(interval time.Duration) time.Duration {
	return max(3*interval/10, min(interval, EveryMatrix))
}

// First is the time over which the first dials of pairs are spread, by the interval of their dials: a mesh that has just formed is to
// be seen as a whole soon, and a mesh that holds need not be dialled often.
func First(interval time.Duration) time.Duration {
	return max(2*interval/5, min(interval, EveryMatrix))
}

// Budget is what an agent may look per second at the pods of all its sessions. Safe for concurrent use.
type Budget struct {
	Cores int // of its node

	mu    sync.Mutex
	wants map[any]looks // by session
}

// looks are numbers of looks in a thousand seconds.
type looks struct{ view, sockets, dns, epmd, dist int64 }

// Share returns the intervals of a session's plan that has this number of pods on the agent's node. What a session had before is
// replaced.
func (b *Budget) Share(session any, p Plan, local int) Every {
	every := p.Resolve(local)
	pairs := local * len(p.Pods)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wants == nil {
		b.wants = map[any]looks{}
	}
	b.wants[session] = looks{rate(local, every.View), rate(local, every.Sockets), rate(local, every.DNS), rate(pairs, every.EPMD), rate(pairs, every.Dist)}
	var all looks
	for _, w := range b.wants {
		all = looks{all.view + w.view, all.sockets + w.sockets, all.dns + w.dns, all.epmd + w.epmd, all.dist + w.dist}
	}
	cores := int64(max(2, b.Cores))
	return Every{
		View:    stretched(every.View, all.view, cores*coreViewsPerSecond),
		Sockets: stretched(every.Sockets, all.sockets, cores*coreTablesPerSecond),
		DNS:     stretched(every.DNS, all.dns, cores*coreDNSPerSecond),
		EPMD:    stretched(every.EPMD, all.epmd, cores*coreDialsPerSecond),
		Dist:    stretched(every.Dist, all.dist, cores*coreDialsPerSecond),
	}
}

// Leave forgets a session that has ended.
func (b *Budget) Leave(session any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.wants, session)
}

func rate(looks int, every time.Duration) int64 {
	return int64(1000 * float64(looks) / every.Seconds())
}

// stretched is the interval of looks of which there would be so many in a thousand seconds.
func stretched(every time.Duration, all, perSecond int64) time.Duration {
	if most := 1000 * perSecond; all > most {
		return time.Duration(float64(every) * float64(all) / float64(most)).Round(time.Millisecond)
	}
	return every
}

// Resolve returns the plan's intervals for an agent with that number of local pods and no other session.
func (p Plan) Resolve(local int) Every {
	slowed := func(looks, perSecond int, planned, usual time.Duration) time.Duration {
		return max(cmp.Or(planned, usual), time.Duration(looks)*time.Second/time.Duration(perSecond))
	}
	pairs := local * len(p.Pods)
	return Every{
		View:    slowed(local, MaxViewsPerSecond, p.Every.View, EveryView),
		Sockets: slowed(local, MaxTablesPerSecond, p.Every.Sockets, EveryView),
		DNS:     slowed(local, MaxDNSPerSecond, p.Every.DNS, EveryDNS),
		EPMD:    slowed(pairs, MaxDialsPerSecond, p.Every.EPMD, EveryMatrix),
		Dist:    slowed(pairs, MaxDialsPerSecond, p.Every.Dist, EveryMatrix),
	}
}

// Pace is the intervals as a recording has them.
func (e Every) Pace() recording.Pace {
	return recording.Pace{View: e.View, Sockets: e.Sockets, DNS: e.DNS, EPMD: e.EPMD, Dist: e.Dist}
}
