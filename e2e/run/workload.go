package run

import (
	"cmp"
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

	began      time.Time
	recorder   *scenario.Recorder
	deployment *deployment // nil where nothing was deployed
	done       []judge.Scenario
	otp        []string // the releases that nodes named
	bugs       bugs

	repetition int               // which one is recorded, from 1, of a workload whose scenarios are repeated with one mesh; else 0
	earlier    []reports.Profile // the results of those before it
}

// execute records the scenarios and judges after each. What prevents the recording is the profile's trouble.
func (r *workloadRun) execute(ctx context.Context) (reports.Profile, error) {
	r.began = time.Now()
	r.bugs.spoil = r.spoil
	err := guard.Try(func() error { return r.record(ctx) })
	return r.result(errors.Join(err, r.bugs.all()))
}

// result is what was recorded so far as it stands in the report; err is what prevented more.
func (r *workloadRun) result(err error) (reports.Profile, error) {
	p := reports.Profile{Mutant: r.workload.Resolved.Mutant, Nth: cmp.Or(r.repetition, r.workload.Nth)}
	err = errors.Join(err, guard.Try(func() error { p.Profile = r.judge(); return nil }))
	p.Wall = time.Since(r.began)
	draw := picture.Of
	if p.Repeats() {
		p.Shorten()
		draw = picture.Short
	}
	for _, s := range r.done {
		if s.View == nil || r.repetition > 1 && s.Name == recording.Formation { // that stands in the first repetition
			continue
		}
		p.Recordings = append(p.Recordings, r.file(s.Name))
		err = errors.Join(err, guard.Try(func() error { p.Pictures = append(p.Pictures, draw(s.View)); return nil }))
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
	env := &scenario.Env{
		Recorder: r.recorder, Profile: r.workload.Resolved, Workload: deployed, Seed: r.options.Seed + int64(r.repetition),
		Log: func(line string) { r.log(string(name) + ": " + line) },
	}
	// Where many workloads are recorded side by side the agents have no time to look faster at each of them.
	if r.deployment != nil && r.intervals == (agent.Every{}) {
		env.Faster = r.deployment.observer.Faster
	}
	return env
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
func nth(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("--%d", n)
}

// file is a recording's path below the folder of the results.
func (r *workloadRun) file(name scenario.Name) string {
	repetition := nth(r.workload.Nth)
	if name != recording.Formation { // which is not repeated with one mesh
		repetition += nth(r.repetition)
	}
	return filepath.Join("recordings", slug(r.workload)+repetition+r.fileSuffix+"."+string(name)+".jsonl")
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
