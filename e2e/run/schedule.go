package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/run/injection"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// slowIntervals are how often the agents look where many workloads are recorded side by side: half as often as at one, and
// still often enough that a second without a look is a gap.
func slowIntervals() agent.Every {
	return agent.Every{View: 400 * time.Millisecond, Sockets: 500 * time.Millisecond, DNS: time.Second, EPMD: 2 * time.Second, Dist: 2 * time.Second}
}

// estimate guesses how long a workload takes. A mutant that names a budget never forms, and spends it.
func estimate(w *workload.Workload, plan scenario.Plan) time.Duration {
	m := w.Mutant
	if m != nil && m.Spec.Budgets.Formation > 0 {
		return m.Spec.Budgets.Formation.D()
	}
	var d time.Duration
	for _, s := range plan.Scenarios() {
		d += s.Estimate
	}
	if m != nil {
		d += m.Spec.Watch.D()
		for _, i := range m.Spec.Injections {
			d += i.Watch.D()
		}
	}
	return d
}

// alone reports whether nothing else may run meanwhile: a mutant says so, or a scenario disturbs more than the workload's namespace.
func alone(w *workload.Workload, plan scenario.Plan) bool {
	return w.Mutant != nil && w.Mutant.Spec.Alone || slices.ContainsFunc(plan.Scenarios(), func(s scenario.Scenario) bool { return s.Scope != scenario.OfNamespace })
}

// pods is how many pods a workload takes: its replicas, one more while one of them is replaced, or as many as a scenario adds, and an
// agent of its own where it has one.
func pods(w *workload.Workload, plan scenario.Plan) int {
	n := w.Resolved.Replicas() + 1
	for _, s := range plan.Scenarios() {
		n = max(n, w.Resolved.Replicas()+s.More)
	}
	if injection.OwnAgents(w) {
		n++
	}
	return n
}

// order is the order in which the workloads begin: the longest first, so that none of them is left over at the end, and
// last those that must be alone.
func (s *Session) order() []int {
	all := make([]int, len(s.workloads))
	for i := range all {
		all[i] = i
	}
	sort.SliceStable(all, func(a, b int) bool {
		x, y := s.workloads[all[a]], s.workloads[all[b]]
		px, py := s.options.plan(x), s.options.plan(y)
		if last := alone(y, py); last != alone(x, px) {
			return last
		}
		return estimate(x, px) > estimate(y, py)
	})
	return all
}

// runAll runs the workloads side by side, as many at a time as the cluster has room for. otp are the releases that their nodes
// named.
func (s *Session) runAll(ctx context.Context, e *environment.Environment) (all []reports.Profile, otp []string, err error) {
	all = make([]reports.Profile, len(s.workloads))
	earlier := make([][]reports.Profile, len(s.workloads)) // of a workload whose scenarios are repeated, all but the last
	errs := make([]error, len(s.workloads))
	limit, needed := s.podLimit(), 0
	pool := newPodPool(limit)
	for _, w := range s.workloads {
		needed += pods(w, s.options.plan(w))
	}
	if needed > limit {
		s.options.Log(fmt.Sprintf("%d pods in all, %d at a time", needed, limit))
	}
	var intervals agent.Every
	if len(s.workloads) > 1 {
		intervals = slowIntervals()
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, i := range s.order() {
		w := s.workloads[i]
		n := pods(w, s.options.plan(w))
		if alone(w, s.options.plan(w)) {
			n = limit
		}
		// When the run is interrupted the workload's run ends by itself, and says so.
		taken, _ := pool.take(ctx, n)
		failed := func(err error) {
			errs[i] = err
			all[i].Name, all[i].Mutant, all[i].Nth, all[i].Trouble = w.Profile.Metadata.Name, w.Resolved.Mutant, w.Nth, s.redactor.Text(err.Error())
		}
		guard.Go(&wg, failed, func() {
			defer pool.give(taken)
			r := s.workloadRun(e, w)
			r.intervals = intervals
			all[i], errs[i] = r.execute(ctx)
			earlier[i] = r.earlier
			if needed > limit {
				r.deployment.releasePods()
			}
			s.slowDown(pool, w, all[i])
			mu.Lock()
			otp = union(otp, r.otp)
			mu.Unlock()
		})
	}
	wg.Wait()
	s.retry(ctx, all, func(i int) {
		r := s.workloadRun(e, s.workloads[i])
		r.fileSuffix = ".again"
		all[i], errs[i] = r.execute(ctx)
	})
	var runs []reports.Profile
	for i := range all {
		runs = append(append(runs, earlier[i]...), all[i])
	}
	return runs, otp, errors.Join(errs...)
}

func (s *Session) workloadRun(e *environment.Environment, w *workload.Workload) *workloadRun {
	return &workloadRun{options: &s.options, environment: e, workload: w, dir: s.Dir, redactor: &s.redactor, cleanUp: &s.cleanUp, inUse: s.inUse, publish: func(name scenario.Name, p judge.Profile) {
		s.judgements.publish(judged{w.Name(), name}, p)
	}}
}

// slowDown lets fewer pods run at a time when a workload was not seen enough of: the machine is slower than the limit assumes, and
// whoever comes next would not be seen, either.
func (s *Session) slowDown(pool *podPool, w *workload.Workload, p reports.Profile) {
	if s.options.ShouldRetry == nil {
		return
	}
	if why := s.options.ShouldRetry(p); why != "" {
		s.options.Log(fmt.Sprintf("the machine does not keep up, from now on no more than %d pods at a time: %s: %s", pool.shrink(), w.Name(), why))
	}
}

// maxRetries is how many workloads may be recorded a second time: one in five, and no less than two. Where more were not seen the
// machine cannot carry so many, and that is what the run has to say.
func maxRetries(workloads int) int { return max(2, workloads/5) }

// retry records a second time, one after the other and alone, those workloads that need it, and notes why in their results.
func (s *Session) retry(ctx context.Context, all []reports.Profile, execute func(i int)) {
	if s.options.ShouldRetry == nil {
		return
	}
	why := map[int]string{}
	for i, p := range all {
		if w := s.options.ShouldRetry(p); w != "" {
			why[i] = w
		}
	}
	if most := maxRetries(len(all)); len(why) > most {
		s.options.Log(fmt.Sprintf("%d of %d workloads were not seen enough of; no more than %d are recorded a second time, and none is", len(why), len(all), most))
		return
	}
	for i := range all {
		if why[i] == "" || ctx.Err() != nil {
			continue
		}
		s.options.Log(fmt.Sprintf("%s is recorded a second time, alone; the first time %s", s.workloads[i].Name(), why[i]))
		execute(i)
		all[i].Again = why[i]
	}
}

// podLimit is how many pods may run at the same time.
func (s *Session) podLimit() int {
	if s.options.Pods > 0 {
		return s.options.Pods
	}
	return s.options.PodLimit()
}
