package run

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// podsPerCore bounds how many pods run at the same time on a cluster of ours. With 15 pods a core the load was 40 on two cores,
// and the agent was not heard for a minute (measured); what is not heard is unknown. Since pods have socket tables of their own
// and the agent looks at processes once for all, 12 are no trouble.
const podsPerCore = 12

// unhurried is how often the agents look where many workloads are recorded side by side: half as often as at one, and
// still often enough that a second without a look is a gap.
func unhurried() agent.Every {
	return agent.Every{View: 400 * time.Millisecond, Sockets: 500 * time.Millisecond, DNS: time.Second, EPMD: 2 * time.Second, Dist: 2 * time.Second}
}

// podMemory is what a pod of the fixtures takes of the machine: the VM, its shim and its share of the kubelet's work.
const podMemory = 130 << 20

// capacity is how many pods may run at the same time.
func capacity(cores int, available int64) int {
	n := cores * podsPerCore
	if available > 0 {
		n = min(n, int(available/podMemory))
	}
	return max(n, 4)
}

// memAvailable is what the machine has left, in bytes; 0 where that cannot be read.
func memAvailable() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.Fields(lines.Text()); len(w) == 3 && w[0] == "MemAvailable:" {
			kb, _ := strconv.ParseInt(w[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// room is the place for pods on the cluster. Those who wait for it are served by whoever takes next; there is one.
type room struct {
	all  int
	mu   sync.Mutex
	used int
	news chan struct{}
}

func newRoom(pods int) *room { return &room{all: pods, news: make(chan struct{}, 1)} }

// take waits until n pods have room. More than there is in all is all of it.
func (r *room) take(ctx context.Context, n int) (taken int, err error) {
	n = min(n, r.all)
	for {
		r.mu.Lock()
		if r.used+n <= r.all {
			r.used += n
			r.mu.Unlock()
			return n, nil
		}
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-r.news:
		}
	}
}

func (r *room) give(n int) {
	r.mu.Lock()
	r.used -= n
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// boots are the workloads whose pods may start at the same time: those that are watched need the CPU that is left. With four
// starting at once on two cores, CoreDNS and the agent were not heard for five seconds (measured); with two they are.
type boots chan struct{}

// bootBudget is how long a workload may keep others from starting.
const bootBudget = 45 * time.Second

func newBoots(cores int) boots { return make(boots, max(1, cores)) }

// begin waits for its turn. The turn ends with the function it returns, or when the budget is spent.
func (b boots) begin(ctx context.Context) (end func()) {
	select {
	case b <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	var once sync.Once
	leave := func() { once.Do(func() { <-b }) }
	timer := time.AfterFunc(bootBudget, leave)
	return func() {
		timer.Stop()
		leave()
	}
}

// What the parts of a healthy story take on a busy machine: enough to know which is the longest.
const (
	aFormation = 25 * time.Second
	aRecovery  = 25 * time.Second
	aConsole   = 8 * time.Second
	aRollout   = 40 * time.Second
)

// lasts guesses how long a workload's story takes. A mutant that names a budget never forms, and spends it.
func lasts(w *workload.Workload, scenarios map[string]bool) time.Duration {
	m := w.Mutant
	if m != nil && m.Spec.Budgets.Formation > 0 {
		return m.Spec.Budgets.Formation.D()
	}
	d := aFormation
	if scenarios["recovery"] {
		d += aRecovery
	}
	if scenarios["console"] {
		d += aConsole
	}
	if scenarios["rollout"] {
		d += aRollout
	}
	if m != nil {
		d += m.Spec.Watch.D()
		for _, injection := range m.Spec.Injections {
			d += injection.Watch.D()
		}
	}
	return d
}

// alone reports whether nothing else may run meanwhile.
func alone(w *workload.Workload) bool { return w.Mutant != nil && w.Mutant.Spec.Alone }

// pods is how much room a workload takes: its replicas, one pod while one of them is replaced, and an agent of its own
// where it has one.
func pods(w *workload.Workload) int {
	n := w.Resolved.Replicas() + 1
	if ownAgent(w) {
		n++
	}
	return n
}

// order is the order in which the workloads begin: the longest first, so that none of them is left over at the end, and
// last those that must be alone.
func (s *Session) order() []int {
	all := make([]int, len(s.ws))
	for i := range all {
		all[i] = i
	}
	sort.SliceStable(all, func(a, b int) bool {
		x, y := s.ws[all[a]], s.ws[all[b]]
		if alone(x) != alone(y) {
			return alone(y)
		}
		return lasts(x, wanted(&s.o, x)) > lasts(y, wanted(&s.o, y))
	})
	return all
}

// tellAll runs the workloads' stories side by side, as many at a time as there is room for. otp are the releases that
// their nodes named.
func (s *Session) tellAll(ctx context.Context, g *ground) (all []reports.Profile, otp []string, err error) {
	all = make([]reports.Profile, len(s.ws))
	errs := make([]error, len(s.ws))
	space, needed := newRoom(s.pods()), 0
	for _, w := range s.ws {
		needed += pods(w)
	}
	if needed > space.all {
		s.o.Log(fmt.Sprintf("%d pods in all, %d at a time", needed, space.all))
	}
	var pace agent.Every
	if len(s.ws) > 1 {
		pace = unhurried()
	}
	turns := newBoots(runtime.NumCPU())
	var wg sync.WaitGroup
	for _, i := range s.order() {
		w := s.ws[i]
		n := pods(w)
		if alone(w) {
			n = space.all
		}
		// When the run is interrupted the story comes to nothing by itself, and says so.
		taken, _ := space.take(ctx, n)
		wg.Go(func() {
			defer space.give(taken)
			st := s.story(g, w, turns)
			st.every = pace
			all[i], errs[i] = st.tell(ctx)
			if needed > space.all {
				st.makeRoom()
			}
			s.mu.Lock()
			otp = union(otp, st.otp)
			s.mu.Unlock()
		})
	}
	wg.Wait()
	s.tellAgain(ctx, all, func(i int) {
		st := s.story(g, s.ws[i], turns)
		st.take = ".again"
		all[i], errs[i] = st.tell(ctx)
	})
	return all, otp, errors.Join(errs...)
}

func (s *Session) story(g *ground, w *workload.Workload, turns boots) *story {
	return &story{o: &s.o, g: g, w: w, dir: s.Dir, known: &s.known, boots: turns, done: func(scenario string, p judge.Profile) { s.tellDoor(w, scenario, p) }}
}

// fewAgain is how many workloads may be told a second time: one in ten, and no less than two. Where more were not seen the
// machine cannot carry so many, and that is what the run has to say.
func fewAgain(workloads int) int { return max(2, workloads/10) }

// tellAgain tells a second time, one after the other and alone, those workloads that need it, and notes why in what comes of it.
func (s *Session) tellAgain(ctx context.Context, all []reports.Profile, tell func(i int)) {
	why := map[int]string{}
	for i, p := range all {
		if w := s.o.again(p); w != "" {
			why[i] = w
		}
	}
	if most := fewAgain(len(all)); len(why) > most {
		s.o.Log(fmt.Sprintf("%d of %d workloads were not seen enough of; no more than %d are recorded a second time, and none is", len(why), len(all), most))
		return
	}
	for i := range all {
		if why[i] == "" || ctx.Err() != nil {
			continue
		}
		s.o.Log(fmt.Sprintf("%s is recorded a second time, alone; the first time %s", s.ws[i].Name(), why[i]))
		tell(i)
		all[i].Again = why[i]
	}
}

// pods is how many pods may run at the same time.
func (s *Session) pods() int {
	return cmp.Or(max(s.o.Pods, 0), s.o.provider("").PodLimit(), capacity(runtime.NumCPU(), memAvailable()))
}

// makeRoom ends the workload's pods at once: others wait for their room. What else is in its namespace takes none.
func (s *story) makeRoom() {
	if s.client == nil || !s.passing {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := workload.Stop(ctx, s.client, s.ns); err != nil {
		s.say("clean-up: " + err.Error())
	}
}
