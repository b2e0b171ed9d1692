package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/run/injection"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// closeBudget is how long the removal of what was made may take; the keeper goes on by itself after it.
const closeBudget = 90 * time.Second

// Session is a run under way.
type Session struct {
	Dir string // of the results

	options    Options
	workloads  []*workload.Workload
	redactor   secrets.Redactor // guards the workloads' cookies
	cleanUp    cleanUp
	judgements *judgements
	inUse      *inUse       // of a soak
	report     *reports.Run // when it has ended
}

// Start begins the run of the workloads, each in a namespace of its own, all at the same time. What is wrong with the
// options is an error at once. Everything later is in the report, which Finish waits for.
func Start(ctx context.Context, o Options, ws []*workload.Workload) (*Session, error) {
	return start(ctx, o, ws, newJudgements())
}

func start(ctx context.Context, o Options, ws []*workload.Workload, published *judgements) (*Session, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if len(o.Checks) == 0 {
		return nil, exitcode.With(exitcode.Usage, errors.New("no check is selected, so nothing would be proved: select at least one"))
	}
	if err := errors.Join(scenario.Check(o.Scenarios), checkNamespaces(ws, o.Repeat)); err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	for _, w := range ws {
		o.Nodes = max(o.Nodes, w.Resolved.Nodes)
	}
	s := &Session{options: o, workloads: ws, judgements: published}
	s.options.Guard = s.redactor.Guard
	err := workload.GuardAll(ws, &s.redactor)
	if err != nil {
		return nil, err
	}
	if o.Repeat > 0 {
		s.workloads = workload.Repeated(ws, o.Repeat)
		s.inUse = &inUse{}
	}
	if s.Dir, err = reports.NewDir(o.Out, time.Now()); err != nil {
		return nil, err
	}
	s.start(ctx, s.attempt)
	return s, nil
}

// checkNamespaces refuses two workloads that have to be deployed to the same namespace: all of them run at the same time.
func checkNamespaces(ws []*workload.Workload, repeat int) error {
	first := map[string]*workload.Workload{}
	for _, w := range ws {
		ns := w.Resolved.Namespace
		if ns != "" && repeat > 0 {
			return fmt.Errorf("%s fixes the namespace %s, and the runs of a soak have one each: leave the namespace out of its profile and manifests (lint -v says where it is fixed)", w.Name(), ns)
		}
		if other := first[ns]; other != nil && ns != "" {
			return fmt.Errorf("%s and %s both fix the namespace %s, and profiles of one run are deployed at the same time: run them one after the other (lint -v says where it is fixed)", other.Name(), w.Name(), ns)
		}
		first[ns] = w
	}
	return nil
}

// Run is Start and Finish in one, for doors that show nothing in between.
func Run(ctx context.Context, o Options, ws []*workload.Workload) (*reports.Run, string, error) {
	s, err := start(ctx, o, ws, unawaited())
	if err != nil {
		return nil, "", err
	}
	return s.Finish(), s.Dir, nil
}

// Refused writes the results of a run that did not begin: an exit file and a report that say why, so that whoever reads
// them never finds those of an earlier run. It returns the report and its folder, "" where not even that could be written.
func Refused(o Options, why error) (*reports.Run, string) {
	r := &reports.Run{Started: time.Now(), Provenance: provenance(&o)}
	r.Close(why, time.Now())
	if err := o.complete(); err != nil {
		return r, ""
	}
	dir, err := reports.NewDir(o.Out, time.Now())
	if err != nil {
		return r, ""
	}
	if err := reports.Write(dir, r); err != nil {
		return r, ""
	}
	return r, dir
}

// Wait gives the judgement of a workload after that scenario, as soon as there is one. When the run ends without it the
// error says why.
func (s *Session) Wait(ctx context.Context, workload string, scenario scenario.Name) (p judge.Profile, err error) {
	err = s.judgements.wait(ctx, func(all map[judged]judge.Profile) (ok bool) {
		p, ok = all[judged{workload, scenario}]
		return ok
	})
	if errors.Is(err, errEnded) {
		err = fmt.Errorf("the run ended before the %s of %s: %s", scenario, workload, s.report.Trouble)
	}
	return p, err
}

// Judged waits for the first judgement of any workload. It is false when the run ended without one: what went wrong was
// the set-up, and there is nothing for a door to show but the report.
func (s *Session) Judged() bool {
	return s.judgements.wait(context.Background(), func(all map[judged]judge.Profile) bool { return len(all) > 0 }) == nil
}

// Finish waits until the run has ended and everything that it made is removed, and gives the report, which is also
// written to Dir.
func (s *Session) Finish() *reports.Run {
	<-s.judgements.ended
	return s.report
}

// start begins the run. What it attempts is everything that can fail.
func (s *Session) start(ctx context.Context, attempt func(context.Context, *reports.Run) error) {
	end := func(r *reports.Run) {
		s.report = r
		close(s.judgements.ended)
	}
	guard.Go(nil, func(err error) { end(s.bare(err)) }, func() { end(s.run(ctx, attempt)) })
}

func (s *Session) run(ctx context.Context, attempt func(context.Context, *reports.Run) error) *reports.Run {
	ctx = progress.With(ctx, s.options.Progress)
	logOfClient(s.options.Log)
	ended := make(chan struct{})
	defer close(ended)
	guard.Go(nil, func(error) {}, func() {
		select {
		case <-ctx.Done():
			s.options.Log("interrupted: what was made is being removed; another signal changes nothing")
		case <-ended:
		}
	})
	r := &reports.Run{Started: time.Now(), Provenance: provenance(&s.options)}
	// A panic of ours still leaves a report, redacted artifacts, and a kept cluster.
	trouble := guard.Try(func() error { return attempt(ctx, r) })
	trouble = s.cleanUp.clusters(trouble)
	if ctx.Err() != nil {
		trouble = s.cleanUp.interrupted(trouble)
	}
	r.Leftovers = s.cleanUp.redacted(s.redactor.Text)
	(&results{s.Dir, &s.redactor}).write(r, trouble)
	return r
}

// bare is the report of a run in which not even the results could be written: it has nothing in it but that.
func (s *Session) bare(bug error) *reports.Run {
	r := &reports.Run{Started: time.Now(), Provenance: provenance(&s.options)}
	r.Close(fmt.Errorf("the results could not be written, and cookies may be in what was: do not pass it on: %w", bug), time.Now())
	_ = guard.Try(func() error { return reports.Write(s.Dir, r) }) // the exit code and the console still say it
	return r
}

// attempt makes the environment, runs the workloads, and removes what was made.
func (s *Session) attempt(ctx context.Context, r *reports.Run) (err error) {
	artifacts := filepath.Join(s.Dir, "artifacts")
	if err = os.MkdirAll(artifacts, 0o755); err != nil {
		return err
	}
	began := time.Now()
	e, err := environment.Prepare(ctx, &s.options.Options, s.workloads, artifacts, true)
	defer func() { err = errors.Join(err, s.cleanUp.end(e)) }()
	if err != nil {
		return err
	}
	describe(&r.Provenance, e)
	if e.Cluster != nil {
		e.Token = agent.NewToken()
		s.redactor.Guard(e.Token.Reveal())
		if err = e.BeginRun(ctx, filepath.Base(s.Dir)); err == nil {
			err = e.DeployAgents(ctx, s.rights(), s.workloads)
		}
		if err != nil {
			return exitcode.Late(err)
		}
	}
	s.options.Log(fmt.Sprintf("ready after %.1f s", time.Since(began).Seconds()))
	r.Profiles, r.Provenance.OTP, err = s.runAll(ctx, e)
	if s.inUse != nil {
		r.Soak = reports.NewSoak(r.Profiles, s.inUse.all)
		err = errors.Join(err, r.Soak.Leaks())
	}
	if e.Cluster != nil && err != nil && ctx.Err() == nil {
		logs, cancel := context.WithTimeout(context.Background(), closeBudget)
		defer cancel()
		if lerr := e.Cluster.CollectLogs(logs, filepath.Join(artifacts, "cluster")); lerr != nil {
			s.options.Log("collecting the cluster's logs: " + lerr.Error())
		}
	}
	if e.Cluster != nil {
		err = exitcode.Late(err)
	}
	return err
}

// rights are what the agents must be allowed to do for what is planned.
func (s *Session) rights() agentclient.Rights {
	planned := func(is func(scenario.Scenario) bool) bool {
		return slices.ContainsFunc(s.workloads, func(w *workload.Workload) bool { return slices.ContainsFunc(s.options.plan(w).Scenarios(), is) })
	}
	asked := func(c check.Check) bool { return slices.Contains(c.Reads, recording.KindAsked) }
	return agentclient.Rights{
		Questions: slices.ContainsFunc(s.options.Checks, asked),
		Faults:    slices.ContainsFunc(s.workloads, injection.NeedsFaults) || planned(func(sc scenario.Scenario) bool { return sc.Faults }),
		Kill:      planned(func(sc scenario.Scenario) bool { return sc.Kills }),
	}
}
