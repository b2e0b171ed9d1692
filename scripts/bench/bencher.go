package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/observe"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
)

// bencher has what both sides of the comparison use.
type bencher struct {
	root, work            string
	engine                *engine.Engine
	nodeImage, appTar     string
	manifests, kindConfig string
	w                     *workload.Workload
	options               *environment.Options
	kubernetes            string
}

// newBench makes the images (which warms the cache for both sides) and writes the files for the script.
func newBench(ctx context.Context, o *environment.Options, w *workload.Workload) (*bencher, error) {
	images, err := environment.Images(ctx, o, w)
	if err != nil {
		return nil, err
	}
	b := &bencher{root: images.Root, engine: images.Engine, nodeImage: images.Node.Ref, appTar: images.App.Tar, w: w, options: o}
	if b.work, err = os.MkdirTemp("", "meshproof-bench"); err != nil {
		return nil, err
	}
	objects, err := w.Render("bench", map[string]string{w.Profile.Spec.Images[0].Name: images.App.Ref})
	if err != nil {
		return nil, err
	}
	y, err := objects.YAML()
	if err != nil {
		return nil, err
	}
	config, err := target.PlainConfig(target.Options{Engine: b.engine, StateDir: b.work, NodeImage: b.nodeImage, OwnPodNetwork: images.OwnPodNetwork()})
	if err != nil {
		return nil, err
	}
	b.manifests, b.kindConfig = filepath.Join(b.work, "manifests.yaml"), filepath.Join(b.work, "kind.yaml")
	if err = os.WriteFile(b.manifests, y, 0o600); err != nil {
		return nil, err
	}
	return b, os.WriteFile(b.kindConfig, []byte(config), 0o600)
}

// viewTimes are the times of full-mesh views.
type viewTimes struct{ agent, eval, erlCall series }

// views creates a cluster, deploys the app, and reads its mesh alternately in all three ways.
func (b *bencher) views(ctx context.Context, rounds int) (viewTimes, error) {
	var v viewTimes
	c, images, err := environment.Cluster(ctx, b.options, b.w)
	if err != nil {
		return v, err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if cerr := c.Close(closing); cerr != nil {
			say("  %v", cerr)
		}
	}()
	b.kubernetes = c.Provenance.Kubernetes
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return v, err
	}
	const ns = "bench"
	owner := &ownership.Run{Name: "bench"}
	if err = owner.CreateNamespace(ctx, client, ns, true); err != nil {
		return v, err
	}
	token := agent.NewToken()
	if _, err = client.AppsV1().DaemonSets(ns).Create(ctx, agentclient.DaemonSet(ns, agentclient.Options{Image: images.Agent.Ref, May: agentclient.Rights{Questions: true}, Token: token}), metav1.CreateOptions{}); err != nil {
		return v, err
	}
	rec := scenario.NewRecorder(time.Now())
	header, err := b.w.Header(recording.Formation, ns)
	if err != nil {
		return v, err
	}
	if err = rec.Begin(filepath.Join(b.work, "views.jsonl"), header); err != nil {
		return v, err
	}
	asked := &asked{took: map[string]series{}}
	obs, err := observe.Start(ctx, observe.Options{Rest: c.Config, Client: client, Namespace: ns, AgentNamespace: ns, Token: token, EPMDPort: b.w.Resolved.EPMDPort,
		Owns: b.w.Resolved.Owns, Now: rec.Now, Log: func(string) {}, Sink: func(e recording.Event) { rec.Sink(e); asked.see(e) }})
	if err != nil {
		return v, err
	}
	defer obs.Stop()
	y, err := os.ReadFile(b.manifests)
	if err != nil {
		return v, err
	}
	objects, err := manifest.Parse(b.manifests, y)
	if err != nil {
		return v, err
	}
	a, err := workload.NewApplier(c.Config, ns, owner, true)
	if err != nil {
		return v, err
	}
	if err = a.Apply(ctx, objects, b.w.Resolved.Budgets.Requires.D()); err != nil {
		return v, err
	}
	ref := b.w.Profile.Spec.Cookie.SecretKeyRef
	cookie, err := workload.Secret(ctx, client, ns, ref.Name, ref.Key)
	if err != nil {
		return v, err
	}
	obs.SetCookie(cookie)
	lacks, err := rec.Until(ctx, time.Minute, "the mesh to form", func(v *view.View) (bool, string) {
		ok, m := v.Held(2 * time.Second)
		return ok, m.String()
	})
	if err != nil {
		return v, err
	}
	if lacks != "" {
		return v, fmt.Errorf("the mesh did not form within a minute; last state: %s", lacks)
	}
	// Alternately, so that each side has the machine to itself and a busy moment affects both.
	for range rounds {
		p, err := b.script(ctx, "view.sh", []string{"1"}, "KUBECONFIG="+c.KubeconfigPath, "NAMESPACE="+ns)
		if err != nil {
			return v, err
		}
		v.eval, v.erlCall = append(v.eval, p["eval"]...), append(v.erlCall, p["erl_call"]...)
		asked.turn(true)
		time.Sleep(time.Second)
		asked.turn(false)
	}
	v.agent = asked.views()
	return v, nil
}

// asked collects the durations of the agent's calls while it is measured.
type asked struct {
	mu        sync.Mutex
	on        bool
	roundTrip time.Duration
	took      map[string]series // by pod
}

func (a *asked) turn(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.on = on
}

func (a *asked) see(e recording.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case e.Clock != nil:
		a.roundTrip = 2 * e.Clock.Bound
	case a.on && e.Nodes != nil && e.Nodes.Outcome == recording.OK:
		a.took[e.Nodes.Pod] = append(a.took[e.Nodes.Pod], e.Nodes.Took)
	}
}

// views adds the durations of the n-th answers of all pods and one round trip.
func (a *asked) views() series {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all series
	for n := 0; ; n++ {
		sum := a.roundTrip
		for _, s := range a.took {
			if n >= len(s) {
				return all
			}
			sum += s[n]
		}
		if len(a.took) == 0 {
			return nil
		}
		all = append(all, sum)
	}
}

// machine describes where the durations were measured.
func (b *bencher) machine() string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown kernel")
	}
	return fmt.Sprintf("%s/%s, %d cores, kernel %s; %s, Kubernetes %s, node image %s, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		strings.TrimSpace(string(kernel)), b.engine, b.kubernetes, b.nodeImage, runtime.Version())
}
