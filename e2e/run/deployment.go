package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/observe"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/run/injection"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// deployment is a workload on the cluster. It is what scenarios act on ([scenario.Workload]).
type deployment struct {
	workload      *workload.Workload
	environment   *environment.Environment
	config        *rest.Config // waits for an API server that is away, and so does the client
	client        kubernetes.Interface
	namespace     string
	ownsNamespace bool // the namespace is ours, and goes with the deployment
	applier       *workload.Applier
	observer      *observe.Observer // learns the cookie
	injections    *injection.Injections
	recorder      *scenario.Recorder
	redactor      *secrets.Redactor
	log           func(string)
	notes         []string // what a reader of the report has to know beside the verdicts
}

func newDeployment(r *workloadRun) (*deployment, error) {
	config := patient(r.environment.Cluster.Config, r.log)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &deployment{workload: r.workload, environment: r.environment, config: config, client: client, recorder: r.recorder, redactor: r.redactor, log: r.log}, nil
}

// newNamespace is a name for a namespace of the workload's own, another one in each run.
func newNamespace(w *workload.Workload) string {
	return fmt.Sprintf("meshproof-%.40s%s-%05d", slug(w), nth(w), rand.IntN(100000))
}

// ensureNamespace makes the workload's namespace: the one that its profile or manifests fix, or one of its own.
func (d *deployment) ensureNamespace(ctx context.Context) error {
	made, agents, run := true, injection.OwnAgents(d.workload), d.environment.Run
	var err error
	if d.namespace = d.workload.Resolved.Namespace; run.Within != "" {
		d.namespace, made = run.Within, false
	} else if d.namespace == "" {
		d.namespace = newNamespace(d.workload)
		err = run.CreateNamespace(ctx, d.client, d.namespace, agents)
	} else {
		made, err = workload.FixedNamespace(ctx, d.client, d.namespace, run, agents, d.environment.Cluster.Owned)
	}
	d.ownsNamespace = made // also where the creation was not answered
	if err == nil && d.namespace != d.environment.Agents {
		err = d.environment.CreatePullSecret(ctx, d.client, d.namespace)
	}
	if err != nil {
		return err
	}
	d.applier, err = workload.NewApplier(d.config, d.namespace, run, made)
	return err
}

// agentNamespace is where the workload's agents run.
func (d *deployment) agentNamespace() string {
	if injection.OwnAgents(d.workload) {
		return d.namespace
	}
	return d.environment.Agents
}

// agents is where the workload's agents run. Its own are deployed first.
func (d *deployment) agents(ctx context.Context) (namespace string, err error) {
	if injection.OwnAgents(d.workload) {
		e := d.environment
		good := agentclient.Options{Image: e.Agent.Ref, Token: e.Token, PullSecret: e.PullSecret}
		err = injection.DeployAgents(ctx, d.client, d.namespace, d.workload, good, e.Sabotaged.Ref)
	}
	return d.agentNamespace(), err
}

// Apply creates the objects and gives the cookie to those who need it.
func (d *deployment) Apply(ctx context.Context) error {
	y, err := d.workload.Render(d.namespace, d.environment.Refs(d.workload))
	if err != nil {
		return err
	}
	if y, err = d.issue(y); err != nil {
		return err
	}
	if err = recordObjects(d.recorder, y, d.workload.Dir, d.redactor); err != nil {
		return err
	}
	d.note(d.workload.Notes()...)
	d.notes = append(d.notes, d.environment.Notes...)
	defer func() { d.note(d.applier.Warnings()...) }()
	if err = d.require(ctx); err != nil {
		return fmt.Errorf("what the profile requires: %w", err)
	}
	if err = d.applier.Apply(ctx, y, d.workload.Resolved.Budgets.Requires.D()); err != nil {
		return err
	}
	d.note(d.applier.Skipped...)
	ref := d.workload.Profile.Spec.Cookie.SecretKeyRef
	cookie, err := workload.Secret(ctx, d.client, d.namespace, ref.Name, ref.Key)
	if err != nil {
		return fmt.Errorf("the cookie: %w", err)
	}
	d.redactor.Guard(cookie)
	// One that the cluster made was not known when the profile was read.
	if err = d.workload.CheckTexts(d.redactor); err != nil {
		return err
	}
	if err = d.identity(ctx); err != nil {
		return err
	}
	d.observer.SetCookie(cookie)
	d.log("deployed to namespace " + d.namespace)
	return nil
}

// issue fills the Secrets that ask for a certificate.
func (d *deployment) issue(objects *manifest.Set) (*manifest.Set, error) {
	issued, made, err := d.workload.Issue(objects, d.namespace, time.Now())
	for _, i := range made {
		d.redactor.GuardKey(i.Key, i.Certificate)
	}
	return issued, err
}

// identity gives the agents the certificate for nodes that speak TLS, where they do.
func (d *deployment) identity(ctx context.Context) error {
	p := d.workload.Resolved
	if p.TLS == "" {
		return nil
	}
	i, err := workload.Identity(ctx, d.client, d.namespace, p.TLS, p.Budgets.Requires.D())
	if err != nil {
		return err
	}
	d.redactor.GuardKey(i.Key, i.Certificate)
	d.observer.SetIdentity(i)
	return nil
}

// require creates what the application needs beside itself, and waits until it is ready.
func (d *deployment) require(ctx context.Context) error {
	y, err := d.workload.RenderRequires(d.environment.Refs(d.workload))
	if err != nil || len(y.Documents) == 0 {
		return err
	}
	if y, err = d.issue(y); err != nil {
		return err
	}
	began := time.Now()
	budget := d.workload.Resolved.Budgets.Requires.D()
	if err = d.applier.Apply(ctx, y, budget); err != nil {
		return err
	}
	if err = d.applier.Await(ctx, budget); err != nil {
		return err
	}
	d.log(fmt.Sprintf("what it requires is ready after %.1f s", time.Since(began).Seconds()))
	return nil
}

// DeletePod deletes a pod as kubectl does.
func (d *deployment) DeletePod(ctx context.Context, name string) error {
	if cut := injection.WatchCut(d.workload); cut > 0 {
		d.observer.CutWatches(cut)
		d.recorder.Did(recording.Act{Do: profile.WatchCut, Detail: cut.String()})
	}
	return d.promptly("delete pod "+name, func() error { return workload.DeletePod(ctx, d.client, d.namespace, name) })
}

// promptly does what the scenario is about. Where the API server took its time, nobody knows when it began: the scenario is void.
func (d *deployment) promptly(what string, do func() error) error {
	began := time.Now()
	err := do()
	if took := time.Since(began); err == nil && took > promptly {
		d.recorder.Did(recording.Act{Do: recording.Void, Detail: fmt.Sprintf("the API server took %.1f s to %s, and what is measured from then on has no certain begin", took.Seconds(), what)})
	}
	return err
}

// KillVM lets the agent on the pod's node kill its VM.
func (d *deployment) KillVM(ctx context.Context, p *view.Pod, pid int) error {
	pod, err := agentclient.Find(ctx, d.client, d.agentNamespace(), p.Last().Node)
	if err != nil {
		return err
	}
	c := agentclient.New(d.environment.Cluster.Config, d.client, pod.Namespace, pod.Name, d.namespace, d.environment.Token)
	defer c.Close()
	return c.Kill(ctx, agent.Kill{Pod: p.UID, PID: pid})
}

// Inject lets the agents on the pods' nodes put network faults into them.
func (d *deployment) Inject(ctx context.Context, faults ...scenario.Fault) error {
	return d.injections.Inject(ctx, faults...)
}

// Heal ends all network faults.
func (d *deployment) Heal(ctx context.Context) error { return d.injections.Heal(ctx) }

// BeginRollout gives the controllers the pod templates of the next version.
func (d *deployment) BeginRollout(ctx context.Context) error {
	rolls, err := d.workload.Rolls(d.namespace, d.environment.Refs(d.workload))
	if err != nil {
		return err
	}
	for _, r := range rolls {
		if err = d.promptly("roll out "+r.Name, func() error { return r.Begin(ctx, d.client, d.namespace) }); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs a command in a pod's first container.
func (d *deployment) Exec(ctx context.Context, p *view.Pod, c profile.Command) recording.Exec {
	e := workload.Exec(ctx, d.environment.Cluster.Config, d.client, d.namespace, injection.ExecPod(d.workload, p.Name), p.UID, c, d.redactor.Text)
	e.Detail = d.redactor.Text(e.Detail)
	return e
}

// dnsName is the Service's name; the cluster's domain is in each pod's resolv.conf.
func (d *deployment) dnsName() string {
	if d.workload.Resolved.Service == "" {
		return ""
	}
	return fmt.Sprintf("%s.%s.svc", d.workload.Resolved.Service, d.namespace)
}

// note keeps what a reader of the report has to know.
func (d *deployment) note(lines ...string) {
	for _, l := range lines {
		d.notes = append(d.notes, d.redactor.Text(l))
		d.log(l)
	}
}

// recordObjects records the objects that are to be created, without what is secret in them.
func recordObjects(rec *scenario.Recorder, manifests *manifest.Set, dir string, redactor *secrets.Redactor) error {
	objects, err := workload.Objects(manifests, dir, redactor)
	if err != nil {
		return err
	}
	for _, o := range objects {
		rec.Sink(recording.Event{T: rec.Now(), By: "run", Object: &o})
	}
	return nil
}

// releasePods ends the workload's pods at once: others wait for their place. What else is in its namespace takes none, and goes with
// the namespace, as the pods do at the latest.
func (d *deployment) releasePods() {
	if d == nil || !d.ownsNamespace {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := workload.Stop(ctx, d.client, d.namespace, d.environment.Run); err != nil {
		d.log("clean-up: " + err.Error())
	}
}

// tearDownLimit is how long the removal of what was made outside of the namespace may take.
const tearDownLimit = 70 * time.Second

// tearDown removes the workload's namespace, and before it what was made outside of it: a later workload may bring the same. The
// error names what is still there.
func (d *deployment) tearDown() (err error) {
	ctx, cancel := context.WithTimeout(d.environment.Background(), tearDownLimit)
	defer cancel()
	if d.applier != nil {
		err = d.applier.Remove(ctx, d.environment.RemoveBudget())
	}
	if !d.ownsNamespace {
		return err
	}
	return errors.Join(err, d.environment.RemoveNamespace(d.client, d.namespace))
}
