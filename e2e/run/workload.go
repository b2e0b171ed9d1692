package run

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/observe"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/run/artifacts"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/run/injection"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
	"meshproof.dev/meshproof/reports/picture"
)

// workloadRun is the run of one workload: it is deployed, and its scenarios are recorded and judged one after the other.
type workloadRun struct {
	options     *Options
	environment *environment.Environment
	workload    *workload.Workload
	dir         string // of the run's results
	redactor    *secrets.Redactor
	publish     func(scenario.Name, judge.Profile) // called after each scenario
	cleanUp     *cleanUp                           // of the run
	intervals   agent.Every                        // how often the agents look; zero for the defaults
	fileSuffix  string                             // in the names of a second recording's files
	inUse       *inUse                             // of a soak

	recorder   *scenario.Recorder
	deployment *deployment // nil where nothing was deployed
	done       []judge.Scenario
	otp        []string // the releases that nodes named
	bugs       bugs
}

// execute records the scenarios and judges after each. What prevents the recording is the profile's trouble.
func (r *workloadRun) execute(ctx context.Context) (reports.Profile, error) {
	began := time.Now()
	r.bugs.spoil = r.spoil
	err := guard.Try(func() error { return r.record(ctx) })
	p := reports.Profile{Mutant: r.workload.Resolved.Mutant, Nth: r.workload.Nth}
	err = errors.Join(err, guard.Try(func() error { p.Profile = r.judge(); return nil }), r.bugs.all())
	p.Wall = time.Since(began)
	drawn := !p.Repeats()
	if !drawn {
		p.Shorten()
	}
	for _, s := range r.done {
		if s.View == nil {
			continue
		}
		p.Recordings = append(p.Recordings, r.file(s.Name))
		if drawn {
			err = errors.Join(err, guard.Try(func() error { p.Pictures = append(p.Pictures, picture.Of(s.View)); return nil }))
		}
	}
	if r.deployment != nil {
		p.Namespace, p.Notes = r.deployment.namespace, r.deployment.notes
	}
	p.Name = r.workload.Profile.Metadata.Name
	if err != nil {
		p.Trouble = r.redactor.Text(err.Error())
	}
	return p, err
}

// tearDown removes the deployment, and takes note of what could not be removed.
func (r *workloadRun) tearDown() {
	err := guard.Try(r.deployment.tearDown)
	if err == nil {
		return
	}
	r.log("clean-up: " + err.Error())
	if !r.environment.Cluster.Temporary() { // else it goes with the cluster
		r.cleanUp.failed("what was deployed to namespace "+r.deployment.namespace, r.environment.Cluster, err)
	}
}

// spoil makes the scenario under way unknown: a part of the harness has ended, so that what is not seen from now on proves nothing.
func (r *workloadRun) spoil(why string) {
	r.recorder.Did(recording.Act{Do: fault.Void, Detail: why})
}

// judge judges what was recorded so far.
func (r *workloadRun) judge() judge.Profile {
	plan := r.options.plan(r.workload)
	var all []judge.Scenario
	for _, s := range scenario.All() {
		e := judge.Scenario{Name: s.Name, Skip: plan.Omits(s), Why: "the run ended before it"}
		if i := slices.IndexFunc(r.done, func(d judge.Scenario) bool { return d.Name == s.Name }); i >= 0 && e.Skip == "" {
			e = r.done[i]
		}
		all = append(all, e)
	}
	p := judge.Judge(r.workload.Profile.Metadata.Name, all, r.options.Checks)
	if r.options.AcceptUnseen {
		p.AcceptUnseen()
	}
	return p
}

func (r *workloadRun) record(ctx context.Context) (err error) {
	r.recorder = scenario.NewRecorder(time.Now())
	r.recordImages()
	if r.environment.ImageFailed(r.workload) {
		return r.recordManifests()
	}
	if r.needsAgents() {
		r.skipAll("what is wrong with it on purpose needs an agent to be done")
		return nil
	}
	d, err := newDeployment(r)
	if err != nil {
		return err
	}
	r.deployment = d
	defer r.tearDown()
	if err = d.ensureNamespace(ctx); err != nil {
		return err
	}
	art, err := artifacts.New(d.client, d.namespace, filepath.Join(r.dir, "artifacts", d.namespace), r.redactor)
	if err != nil {
		return err
	}
	art.Caught, art.Start = r.bugs.add, r.recorder.Start()
	art.Felt = func(f recording.Felt) {
		r.recorder.Sink(recording.Event{T: r.recorder.Now(), By: recording.ByKube, Felt: &f})
	}
	defer art.Close()
	agents, err := d.agents(ctx)
	if err != nil {
		return err
	}
	if d.observer, err = r.observe(ctx, agents, art); err != nil {
		return err
	}
	defer d.observer.Stop()
	injections := injection.New(injection.Options{
		Workload: r.workload, Config: d.environment.Cluster.Config, Client: d.client, Namespace: d.namespace, Agents: agents, Token: r.environment.Token,
		Delete: d.applier.Delete, Recorder: r.recorder, Redactor: r.redactor, Log: r.log, Caught: r.bugs.add,
	})
	d.injections = injections
	heal := injections.Start(ctx)
	defer func() { err = errors.Join(err, heal()) }()
	return r.recordAll(ctx, d, injections.Around)
}

// recordAll records the scenarios that the plan has, which act on the deployed workload. What a mutant injects belongs to the
// first of them, and inject does it around that; all others need the mesh that it has formed.
func (r *workloadRun) recordAll(ctx context.Context, deployed scenario.Workload, inject func(ctx context.Context, form func() error) error) error {
	plan := r.options.plan(r.workload)
	for i, s := range scenario.All() {
		if plan.Omits(s) != "" {
			r.publish(s.Name, r.judge())
			continue
		}
		if why := needsAgent(s); why != "" && r.environment.NoAgents != "" {
			r.finish(judge.Scenario{Name: s.Name, Why: why + ", and none may run here", NoAgent: r.environment.NoAgents})
			continue
		}
		run := func() error { return s.Run(ctx, r.env(s.Name, deployed)) }
		if form := run; i == 0 {
			run = func() error { return inject(ctx, form) }
		}
		v, err := r.recordOne(ctx, s.Name, func() error {
			if err := run(); err != nil || s.Changeless {
				return err
			}
			return r.env(s.Name, deployed).Agree(ctx)
		})
		if err != nil {
			return err
		}
		if full, m := v.Held(time.Second); i == 0 && !full {
			r.skipOthers("the mesh did not form: " + m.String())
			return nil
		}
	}
	return nil
}

// needsAgent says what of a scenario only an agent can do, "" for nothing.
func needsAgent(s scenario.Scenario) string {
	switch {
	case s.Kills:
		return "an agent has to kill the VM"
	case s.Faults:
		return "an agent has to drop packets of the pods"
	}
	return ""
}

// recordOne makes one recording, and judges all that was recorded so far.
func (r *workloadRun) recordOne(ctx context.Context, name scenario.Name, run func() error) (*view.View, error) {
	header, err := r.workload.Header(name, r.namespace())
	if err != nil {
		return nil, err
	}
	if err = r.recorder.Begin(filepath.Join(r.dir, r.file(name)), header); err != nil {
		return nil, err
	}
	r.bugs.again()
	if err = run(); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	} else if r.deployment != nil {
		alone := false
		r.recorder.Ask(func(v *view.View) { _, formed := v.FirstFull(0); alone = !formed && !v.MeansNoMesh() })
		r.deployment.observer.Epilogue(ctx, alone)
	}
	v, end := r.recorder.End()
	r.otp = union(r.otp, v.OTP())
	r.inUse.add(v.Processes())
	r.noteGaps(name, v)
	r.finish(judge.Scenario{Name: name, View: v})
	return v, errors.Join(err, end)
}

// longGap is how long an observer must have been blind for a reader to be told so beside the verdicts: what it did not see is
// unknown, or just was not needed.
const longGap = 3 * time.Second

func (r *workloadRun) noteGaps(name scenario.Name, v *view.View) {
	if r.deployment == nil {
		return
	}
	for _, b := range v.LongBlind(longGap) {
		// The recordings of later scenarios have it, too.
		if said := b.String(); !slices.ContainsFunc(r.deployment.notes, func(n string) bool { return strings.HasSuffix(n, ": "+said) }) {
			r.deployment.note(fmt.Sprintf("%s: %s", name, said))
		}
	}
}

// recordManifests records that there was no image to deploy. What the manifests alone decide is judged all the same.
func (r *workloadRun) recordManifests() error {
	_, err := r.recordOne(context.Background(), recording.Formation, func() error {
		y, err := r.workload.Render("", nil)
		if err != nil {
			return err
		}
		return recordObjects(r.recorder, y, r.workload.Dir, r.redactor)
	})
	r.skipOthers("nothing was deployed")
	return err
}

// needsAgents reports whether the workload is broken in a way that only agents can do, and there are none.
func (r *workloadRun) needsAgents() bool {
	return r.environment.NoAgents != "" && (injection.NeedsFaults(r.workload) || injection.OwnAgents(r.workload))
}

// skipAll says why nothing was recorded at all without agents.
func (r *workloadRun) skipAll(why string) {
	for _, s := range scenario.All() {
		r.finish(judge.Scenario{Name: s.Name, Why: why + "; " + r.environment.NoAgents, NoAgent: r.environment.NoAgents})
	}
}

// skipOthers says why nothing was recorded after the first scenario.
func (r *workloadRun) skipOthers(why string) {
	for _, s := range scenario.All()[1:] {
		r.finish(judge.Scenario{Name: s.Name, Why: why})
	}
}

func (r *workloadRun) finish(s judge.Scenario) {
	r.done = append(r.done, s)
	r.publish(s.Name, r.judge())
}

// observe starts everything that watches the workload.
func (r *workloadRun) observe(ctx context.Context, agents string, art *artifacts.Artifacts) (*observe.Observer, error) {
	d, p := r.deployment, r.workload.Resolved
	var others *neighbours
	if r.environment.Run.Within != "" {
		others = newNeighbours(r.workload)
	}
	client, err := kubernetes.NewForConfig(r.environment.Cluster.Config) // which does not wait: an API server that is away is seen at once
	if err != nil {
		return nil, err
	}
	return observe.Start(ctx, observe.Options{
		Rest: r.environment.Cluster.Config, Client: client, Namespace: d.namespace, AgentNamespace: agents, Token: r.environment.Token,
		DNSName: d.dnsName(), EPMDPort: p.EPMDPort, DistPort: p.DistPort,
		NoAgents: r.environment.NoAgents, Every: r.intervals, Reads: readsOf(p), Owns: p.Owns, Redactor: r.redactor, Now: r.recorder.Now, Log: r.options.Log, Caught: r.bugs.add,
		Sink: func(e recording.Event) {
			if !others.did(&e) {
				r.recorder.Sink(e)
				art.See(e)
			}
		},
	})
}

// readsOf are the values that the agents read from each node to see whether all nodes agree.
func readsOf(p *profile.Resolved) (all []agent.Read) {
	for _, q := range p.Expect.Agree {
		if q.Read != "" {
			all = append(all, agent.Read{Name: q.Name, What: string(q.Read)})
		}
	}
	return all
}

func (r *workloadRun) env(name scenario.Name, deployed scenario.Workload) *scenario.Env {
	return &scenario.Env{
		Recorder: r.recorder, Profile: r.workload.Resolved, Workload: deployed, Seed: r.options.Seed,
		Log: func(line string) { r.log(string(name) + ": " + line) },
	}
}

// recordImages records what became of the workload's images.
func (r *workloadRun) recordImages() {
	for _, name := range r.workload.Resolved.Images() {
		// The nodes pull what we do not make; whether they can is seen on the pods.
		im := &recording.Image{Name: name, Outcome: "present"}
		if a, made := r.environment.App(r.workload, name); made && a.Err != nil {
			im.Outcome, im.Detail = "failed", r.redactor.Text(a.Err.Error())
		} else if made {
			im.Outcome, im.ID, im.Took = a.Source, a.ID, a.Took
		}
		r.recorder.Sink(recording.Event{T: r.recorder.Now(), By: "run", Image: im})
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// slug is the workload's name as it may stand in names of files and objects.
func slug(w *workload.Workload) string {
	once := *w
	once.Nth = 0
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(once.Name()), "-"), "-")
}

// nth follows the slug in what each run of a soak has for itself. No slug has two hyphens in a row.
func nth(w *workload.Workload) string {
	if w.Nth == 0 {
		return ""
	}
	return fmt.Sprintf("--%d", w.Nth)
}

// file is a recording's path below the folder of the results.
func (r *workloadRun) file(name scenario.Name) string {
	return filepath.Join("recordings", slug(r.workload)+nth(r.workload)+r.fileSuffix+"."+string(name)+".jsonl")
}

func (r *workloadRun) namespace() string {
	if r.deployment == nil {
		return ""
	}
	return r.deployment.namespace
}

func (r *workloadRun) log(line string) { r.options.Log(r.workload.Name() + ": " + line) }

// union is both lists together, sorted, each word once.
func union(a, b []string) []string {
	all := slices.DeleteFunc(slices.Concat(a, b), func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}
