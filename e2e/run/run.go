package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"sync"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/version"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// closeBudget is how long the removal of what was made may take; the keeper goes on by itself after it.
const closeBudget = 90 * time.Second

// Session is a run under way.
type Session struct {
	o   Options
	ws  []*workload.Workload
	Dir string // of the results

	known  secrets.Redactor // guards the workloads' cookies
	mu     sync.Mutex
	judged map[string]judge.Profile // by workload and scenario
	news   chan struct{}            // closed and made anew whenever something was judged
	ended  chan struct{}
	report *reports.Run
}

// Start begins the run of the workloads, each in a namespace of its own, all at the same time. What is wrong with the
// options is an error at once. Everything later is in the report, which Finish waits for.
func Start(ctx context.Context, o Options, ws []*workload.Workload) (*Session, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if len(o.Checks) == 0 {
		return nil, exitcode.With(exitcode.Usage, errors.New("no check is selected: nothing would be proved"))
	}
	if err := apart(ws); err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	for _, w := range ws {
		o.Nodes = max(o.Nodes, w.Resolved.Nodes)
	}
	dir, err := reports.NewDir(o.Out, time.Now())
	if err != nil {
		return nil, err
	}
	s := &Session{o: o, ws: ws, Dir: dir, judged: map[string]judge.Profile{}, news: make(chan struct{}), ended: make(chan struct{})}
	for _, w := range ws {
		if err := w.Guard(&s.known); err != nil {
			return nil, err
		}
	}
	go s.run(ctx)
	return s, nil
}

// apart refuses two workloads that have to be deployed to the same namespace: all of them run at the same time.
func apart(ws []*workload.Workload) error {
	first := map[string]*workload.Workload{}
	for _, w := range ws {
		ns := w.Resolved.Namespace
		if other := first[ns]; other != nil && ns != "" {
			return fmt.Errorf("%s and %s both fix the namespace %s, and profiles of one run are deployed at the same time: run them one after the other (lint -v says where it is fixed)", other.Name(), w.Name(), ns)
		}
		first[ns] = w
	}
	return nil
}

// Run is Start and Finish in one, for doors that show nothing in between.
func Run(ctx context.Context, o Options, ws []*workload.Workload) (*reports.Run, string, error) {
	s, err := Start(ctx, o, ws)
	if err != nil {
		return nil, "", err
	}
	return s.Finish(), s.Dir, nil
}

// Refused writes the results of a run that did not begin: an exit file and a report that say why, so that whoever reads
// them never finds those of an earlier run. It returns the report and its folder, "" where not even that could be written.
func Refused(o Options, why error) (*reports.Run, string) {
	s := &Session{o: o}
	r := &reports.Run{Started: time.Now(), Provenance: s.provenance()}
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
func (s *Session) Wait(ctx context.Context, workload, scenario string) (judge.Profile, error) {
	for {
		s.mu.Lock()
		p, ok := s.judged[workload+" "+scenario]
		news := s.news
		s.mu.Unlock()
		if ok {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-news:
		case <-s.ended:
			s.mu.Lock()
			p, ok = s.judged[workload+" "+scenario]
			s.mu.Unlock()
			if ok {
				return p, nil
			}
			return p, fmt.Errorf("the run ended before the %s of %s: %s", scenario, workload, s.report.Trouble)
		}
	}
}

// Judged waits for the first judgement of any workload. It is false when the run ended without one: what went wrong was
// the set-up, and there is nothing for a door to show but the report.
func (s *Session) Judged() bool {
	for {
		s.mu.Lock()
		some, news := len(s.judged) > 0, s.news
		s.mu.Unlock()
		if some {
			return true
		}
		select {
		case <-news:
		case <-s.ended:
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.judged) > 0
		}
	}
}

// Finish waits until the run has ended and everything that it made is removed, and gives the report, which is also
// written to Dir.
func (s *Session) Finish() *reports.Run {
	<-s.ended
	return s.report
}

func (s *Session) run(ctx context.Context) {
	defer close(s.ended)
	r := &reports.Run{Started: time.Now(), Provenance: s.provenance()}
	trouble := s.attempt(ctx, r)
	if ctx.Err() != nil {
		trouble = exitcode.With(exitcode.Interrupted, errors.New("by a signal; what was made is removed"))
	}
	s.write(r, trouble)
	s.report = r
}

// attempt does everything that can fail. A panic of ours still leaves a report.
func (s *Session) attempt(ctx context.Context, r *reports.Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a bug of ours: %v\n%s", p, debug.Stack())
		}
	}()
	artifacts := filepath.Join(s.Dir, "artifacts")
	if err = mkdir(artifacts); err != nil {
		return err
	}
	began := time.Now()
	g, err := prepare(ctx, &s.o, s.ws, artifacts, true)
	if g != nil && g.cluster != nil {
		defer func() {
			closing, cancel := context.WithTimeout(context.Background(), closeBudget)
			defer cancel()
			err = errors.Join(err, g.cluster.Close(closing))
		}()
	}
	if err != nil {
		return err
	}
	describe(&r.Provenance, g)
	if g.cluster != nil {
		defer g.removeAgents(&s.o)
		if err = g.deployAgents(ctx, filepath.Base(s.Dir), slices.ContainsFunc(s.ws, meddled)); err != nil {
			return err
		}
	}
	s.o.Log(fmt.Sprintf("ready after %.1f s", time.Since(began).Seconds()))
	r.Profiles, r.Provenance.OTP, err = s.tellAll(ctx, g)
	if g.cluster != nil && err != nil && ctx.Err() == nil {
		logs, cancel := context.WithTimeout(context.Background(), closeBudget)
		defer cancel()
		if lerr := g.cluster.CollectLogs(logs, filepath.Join(artifacts, "cluster")); lerr != nil {
			s.o.Log("collecting the cluster's logs: " + lerr.Error())
		}
	}
	return err
}

func (s *Session) tellDoor(w *workload.Workload, scenario string, p judge.Profile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.judged[w.Name()+" "+scenario] = p
	close(s.news)
	s.news = make(chan struct{})
}

func (s *Session) provenance() reports.Provenance {
	of, _ := version.Get() // a report says what is known
	p := reports.Provenance{Go: of.Go, Kind: of.Kind, Machine: fmt.Sprintf("%s/%s, %d cores", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()), Seed: s.o.Seed, Args: s.o.Args, Nodes: s.o.Nodes, Meshproof: of.Meshproof}
	p.Target, p.Context = s.o.provider("").Describe()
	if p.Args == nil {
		p.Args = os.Args[1:]
	}
	return p
}

func describe(p *reports.Provenance, g *ground) {
	p.Engine = g.engine.String()
	if g.cluster != nil {
		p.Kubernetes, p.NodeImage, p.Nodes = g.cluster.Provenance.Kubernetes, g.cluster.Provenance.NodeImage, len(g.cluster.Nodes)
		p.Images = append(p.Images, reports.Image{Name: "node", Ref: g.cluster.Provenance.NodeImage, ID: g.cluster.Provenance.NodeImageID, Source: g.node.Source})
	}
	p.Images = append(p.Images, reports.Image{Name: "agent", Ref: g.agent.Ref, ID: g.agent.ID, Source: g.agent.Source})
	for _, a := range g.apps {
		p.Images = append(p.Images, reports.Image{Name: a.name, Ref: a.Ref, ID: a.ID, Source: a.Source})
	}
	slices.SortFunc(p.Images, func(a, b reports.Image) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref)) })
}

func union(a, b []string) []string {
	seen := map[string]bool{}
	var all []string
	for _, s := range append(a, b...) {
		if s != "" && !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	sort.Strings(all)
	return all
}
