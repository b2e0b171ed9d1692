package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/fault"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/observe"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// story is one workload's way through its scenarios.
type story struct {
	o       *Options
	g       *ground
	w       *workload.Workload
	dir     string // of the run's results
	ns      string
	passing bool // the namespace is ours, and goes with the story
	applier *workload.Applier
	client  kubernetes.Interface
	rec     *scenario.Recorder
	obs     *observe.Observer
	art     *artifacts
	known   *secrets.Redactor
	faults  *fault.Injector
	every   agent.Every                            // how often the agents look; zero for the defaults
	boots   boots                                  // whose turn it is to start pods
	take    string                                 // follows the names of a second recording's files
	done    func(scenario string, p judge.Profile) // told after each scenario

	notes      []string
	scenarios  []judge.Scenario
	recordings []string
	otp        []string
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// namespaceOf gives a workload a namespace of its own in each run.
func namespaceOf(w *workload.Workload) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(w.Name()), "-"), "-")
	return fmt.Sprintf("meshproof-%.40s-%05d", name, rand.IntN(100000))
}

// tell records the scenarios and judges after each. What stands in the way of recording is the profile's trouble.
func (s *story) tell(ctx context.Context) (reports.Profile, error) {
	began := time.Now()
	err := s.record(ctx)
	p := reports.Profile{Profile: s.judge(), Mutant: s.w.Resolved.Mutant, Namespace: s.ns, Recordings: s.recordings, Notes: s.notes, Wall: time.Since(began)}
	p.Name = s.w.Profile.Metadata.Name
	if err != nil {
		p.Trouble = s.known.Text(err.Error())
	}
	return p, err
}

func (s *story) judge() judge.Profile {
	var told []judge.Scenario
	recorded := wanted(s.o, s.w)
	for _, name := range Scenarios {
		if !recorded[name] {
			continue
		}
		e := judge.Scenario{Name: name, Why: "the run ended before it"}
		for _, r := range s.scenarios {
			if r.Name == name {
				e = r
			}
		}
		told = append(told, e)
	}
	return judge.Judge(s.w.Profile.Metadata.Name, told, s.o.Checks)
}

func (s *story) record(ctx context.Context) error {
	s.rec = scenario.NewRecorder(time.Now())
	if s.g.lacks(s.w) {
		return s.neverDeployed()
	}
	var err error
	if s.client, err = kubernetes.NewForConfig(s.g.cluster.Config); err != nil {
		return err
	}
	defer s.tearDown()
	if err = s.settle(ctx); err != nil {
		return err
	}
	if s.art, err = newArtifacts(s.client, s.ns, filepath.Join(s.dir, "artifacts", s.ns), s.known); err != nil {
		return err
	}
	defer s.art.close()
	if err = s.begin("formation"); err != nil {
		return err
	}
	agents, err := s.agents(ctx)
	if err != nil {
		return err
	}
	s.obs, err = observe.Start(ctx, observe.Options{
		Rest: s.g.cluster.Config, Client: s.client, Namespace: s.ns, AgentNamespace: agents,
		DNSName: s.dnsName(), EPMDPort: s.w.Resolved.EPMDPort, DistPort: s.w.Resolved.DistPort,
		Every: s.every, Owns: s.w.Resolved.Owns, Redact: s.known.Text, Now: s.rec.Now, Log: s.o.Log,
		Sink: func(e recording.Event) { s.rec.Sink(e); s.art.see(ctx, e) },
	})
	if err != nil {
		return err
	}
	defer s.obs.Stop()
	defer s.beginFaults(ctx)()

	err = s.formation(ctx)
	formed, end := s.end(ctx, "formation", err == nil)
	if err != nil || end != nil {
		return first(err, end)
	}
	if full, m := formed.Held(time.Second); !full {
		s.skipLater("the mesh did not form: " + m.String())
		return nil
	}
	if err := s.recovery(ctx); err != nil {
		return err
	}
	if err := s.rollout(ctx); err != nil {
		return err
	}
	return s.console(ctx)
}

// formation records how the mesh forms, while things are done to it, and what becomes of it then.
func (s *story) formation(ctx context.Context) error {
	ended := make(chan struct{})
	var meddled error
	var wg sync.WaitGroup
	wg.Go(func() { meddled = s.meddle(ctx, ended) })
	err := scenario.Formation(ctx, s.rec, s.w.Resolved.Budgets.Formation.D(), s.apply, s.say)
	close(ended)
	wg.Wait()
	if err = first(err, meddled); err != nil {
		return err
	}
	return s.aftermath(ctx)
}

func (s *story) recovery(ctx context.Context) error {
	if !wanted(s.o, s.w)["recovery"] {
		return nil
	}
	if err := s.begin("recovery"); err != nil {
		return err
	}
	err := scenario.Recovery(ctx, s.rec, s.w.Resolved.Budgets.Recovery.D(), s.choose, func(ctx context.Context, pod string) error {
		return workload.DeletePod(ctx, s.client, s.ns, pod)
	}, s.say)
	_, end := s.end(ctx, "recovery", err == nil)
	return first(err, end)
}

func (s *story) rollout(ctx context.Context) error {
	if !wanted(s.o, s.w)["rollout"] {
		s.done("rollout", s.judge())
		return nil
	}
	rolls, err := s.w.Rolls(s.ns, s.g.refs(s.w))
	if err != nil {
		return err
	}
	if err = s.begin("rollout"); err != nil {
		return err
	}
	// Each pod that is replaced may take as long as one that was deleted.
	budget := time.Duration(s.w.Resolved.Replicas()) * s.w.Resolved.Budgets.Recovery.D()
	err = scenario.Rollout(ctx, s.rec, budget, func(ctx context.Context) error {
		for _, r := range rolls {
			if begin := r.Begin(ctx, s.client, s.ns); begin != nil {
				return begin
			}
		}
		return nil
	}, s.say)
	_, end := s.end(ctx, "rollout", err == nil)
	return first(err, end)
}

func (s *story) console(ctx context.Context) error {
	if !wanted(s.o, s.w)["console"] {
		s.done("console", s.judge())
		return nil
	}
	if err := s.begin("console"); err != nil {
		return err
	}
	err := scenario.Console(ctx, s.rec, s.w.Resolved.Console, func(ctx context.Context, p *view.Pod, c profile.Command) recording.Exec {
		e := workload.Exec(ctx, s.g.cluster.Config, s.client, s.ns, s.commandPod(p), p.UID, c, s.known.Text)
		e.Detail = s.known.Text(e.Detail)
		return e
	})
	_, end := s.end(ctx, "console", err == nil)
	return first(err, end)
}

// neverDeployed records that there was no image to deploy. What the manifests alone tell is told all the same.
func (s *story) neverDeployed() error {
	if err := s.begin("formation"); err != nil {
		return err
	}
	y, err := s.w.Render("", nil)
	if err != nil {
		return err
	}
	if err = s.manifests(y); err != nil {
		return err
	}
	_, err = s.end(context.Background(), "formation", false)
	s.skipLater("nothing was deployed")
	return err
}

func (s *story) begin(name string) error {
	header, err := s.w.Header(name, s.ns)
	if err != nil {
		return err
	}
	file := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(s.w.Name()), "-"), "-") + s.take + "." + name + ".jsonl"
	s.recordings = append(s.recordings, filepath.Join("recordings", file))
	if err := s.rec.Begin(filepath.Join(s.dir, "recordings", file), header); err != nil {
		return err
	}
	if name == "formation" {
		for _, n := range s.w.Resolved.Images() {
			s.rec.Sink(recording.Event{T: s.rec.Now(), By: "run", Image: s.imageEvent(n)})
		}
	}
	return nil
}

func (s *story) imageEvent(name string) *recording.Image {
	var a appImage
	made := false
	for _, im := range s.w.Profile.Spec.Images {
		if im.Is(name) {
			a, made = s.g.app(s.w, im)
		}
	}
	switch {
	case !made:
		// The nodes pull it themselves; whether they can is seen on the pods.
		return &recording.Image{Name: name, Outcome: "present"}
	case a.err != nil:
		return &recording.Image{Name: name, Outcome: "failed", Detail: s.known.Text(a.err.Error())}
	}
	return &recording.Image{Name: name, Outcome: a.Source, ID: a.ID, Took: a.Took}
}

// end closes the recording, judges all that was told so far and tells the door.
func (s *story) end(ctx context.Context, name string, whole bool) (*view.View, error) {
	if s.obs != nil && whole {
		s.obs.Epilogue(ctx, s.known.Text)
	}
	v, err := s.rec.End()
	e := judge.Scenario{Name: name, View: v}
	s.otp = union(s.otp, v.OTP())
	s.scenarios = append(s.scenarios, e)
	s.done(name, s.judge())
	return v, err
}

// skipLater tells why nothing but formation was recorded.
func (s *story) skipLater(why string) {
	for _, name := range Scenarios[1:] {
		s.skip(name, why)
	}
}

func (s *story) skip(name, why string) {
	s.scenarios = append(s.scenarios, judge.Scenario{Name: name, Why: why})
	s.done(name, s.judge())
}

// choose picks the pod that is deleted, by the run's seed.
func (s *story) choose(members []*view.Pod) *view.Pod {
	sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
	return members[s.o.Seed%int64(len(members))]
}

// dnsName is the Service's name; the cluster's domain is in each pod's resolv.conf.
func (s *story) dnsName() string {
	if s.w.Resolved.Service == "" {
		return ""
	}
	return fmt.Sprintf("%s.%s.svc", s.w.Resolved.Service, s.ns)
}

func (s *story) say(line string) { s.o.Log(s.w.Name() + ": " + line) }

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
