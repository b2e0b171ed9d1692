package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/agent/server"
	"meshproof.dev/meshproof/e2e/recording"
)

// api is as much of an API server as the observer needs, spoken to by the real client-go over HTTP. It can be cut off,
// forget its history, and fall silent.
type api struct {
	t   *testing.T
	srv *httptest.Server

	mu      sync.Mutex
	version int
	oldest  int // watches from before it are refused
	objects map[string]metav1.Object
	history []change
	news    chan struct{}
	cut     chan struct{} // closed to end all watches
	silent  bool
	starts  bool // it answers, and refuses everything: it does not know its roles yet
	refused map[string]bool   // resources that nobody may watch now
	logs    map[string]string // by pod
}

type change struct {
	version  int
	resource string
	kind     string
	object   metav1.Object
}

func newAPI(t *testing.T) *api {
	t.Helper()
	a := &api{t: t, version: 10, objects: map[string]metav1.Object{}, news: make(chan struct{}), cut: make(chan struct{}), logs: map[string]string{}}
	a.srv = httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(func() {
		a.interrupt()
		a.srv.Close()
	})
	return a
}

func (a *api) client() kubernetes.Interface {
	a.t.Helper()
	c, err := kubernetes.NewForConfig(&rest.Config{Host: a.srv.URL, QPS: -1})
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

func resourceOf(o metav1.Object) (resource, list string) {
	switch o.(type) {
	case *corev1.Pod:
		return "pods", "PodList"
	case *corev1.Service:
		return "services", "ServiceList"
	case *corev1.Event:
		return "events", "EventList"
	}
	return "endpointslices", "EndpointSliceList"
}

// put creates or changes an object, or removes it.
func (a *api) put(kind string, o metav1.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	o.SetResourceVersion(strconv.Itoa(a.version))
	if o.GetUID() == "" {
		o.SetUID(types.UID("uid-of-" + o.GetName()))
	}
	resource, _ := resourceOf(o)
	key := resource + "/" + o.GetNamespace() + "/" + o.GetName()
	if a.objects[key] = o; kind == "DELETED" {
		delete(a.objects, key)
	}
	a.history = append(a.history, change{a.version, resource, kind, o})
	close(a.news)
	a.news = make(chan struct{})
}

// interrupt ends all watches.
func (a *api) interrupt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.cut)
	a.cut = make(chan struct{})
}

// forget makes it impossible to take up a watch again.
func (a *api) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	a.oldest = a.version
}

func (a *api) hush(silent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent = silent
}

// start lets it begin to answer, or end doing so.
func (a *api) start(begin bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent, a.starts = false, begin
}

// refuse lets nobody watch a resource.
func (a *api) refuse(resource string, refuse bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused = map[string]bool{resource: refuse}
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	ns, resource := "", parts[len(parts)-1]
	for i, p := range parts {
		if p == "namespaces" && i+1 < len(parts) {
			ns = parts[i+1]
		}
	}
	a.mu.Lock()
	silent, starts, refused, log := a.silent, a.starts, a.refused[resource], a.logs[parts[len(parts)-2]]
	a.mu.Unlock()
	switch {
	case silent:
		<-r.Context().Done()
	case starts:
		w.WriteHeader(http.StatusForbidden)
	case resource == "log":
		_, _ = fmt.Fprint(w, log)
	case refused && r.URL.Query().Get("watch") != "":
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Query().Get("watch") != "":
		a.watch(w, r, ns, resource)
	default:
		a.list(w, r, ns, resource)
	}
}

func wanted(r *http.Request, ns string, o metav1.Object) bool {
	label := r.URL.Query().Get("labelSelector")
	_, has := o.GetLabels()[label]
	return o.GetNamespace() == ns && (label == "" || has)
}

func (a *api) list(w http.ResponseWriter, r *http.Request, ns, resource string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	items := []metav1.Object{}
	kind := ""
	for _, o := range a.objects {
		if its, list := resourceOf(o); its == resource && wanted(r, ns, o) {
			items, kind = append(items, o), list
		}
	}
	if kind == "" {
		kind = map[string]string{"pods": "PodList", "services": "ServiceList", "events": "EventList", "endpointslices": "EndpointSliceList"}[resource]
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": kind, "apiVersion": apiVersion(resource), "metadata": map[string]string{"resourceVersion": strconv.Itoa(a.version)}, "items": items})
}

func apiVersion(resource string) string {
	if resource == "endpointslices" {
		return "discovery.k8s.io/v1"
	}
	return "v1"
}

func (a *api) watch(w http.ResponseWriter, r *http.Request, ns, resource string) {
	w.Header().Set("Content-Type", "application/json")
	from, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	a.mu.Lock()
	cut, oldest := a.cut, a.oldest
	a.mu.Unlock()
	if from < oldest {
		w.WriteHeader(http.StatusGone)
		_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonExpired, Code: http.StatusGone, Message: "too old resource version"})
		return
	}
	for sent := from; ; {
		a.mu.Lock()
		news := a.news
		var out []change
		for _, c := range a.history {
			if c.version > sent && c.resource == resource && wanted(r, ns, c.object) {
				out = append(out, c)
			}
		}
		sent = a.version
		a.mu.Unlock()
		for _, c := range out {
			if json.NewEncoder(w).Encode(map[string]any{"type": c.kind, "object": c.object}) != nil {
				return
			}
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-news:
		case <-cut:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func pod(name string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "app", UID: types.UID("uid-of-" + name)}}
	p.Status.Phase = corev1.PodPending
	if change != nil {
		change(p)
	}
	return p
}

func placed(node, ip string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.NodeName, p.Status.PodIP, p.Status.Phase = node, ip, corev1.PodRunning }
}

func slice(name string) *discoveryv1.EndpointSlice {
	ready := true
	return &discoveryv1.EndpointSlice{TypeMeta: metav1.TypeMeta{Kind: "EndpointSlice", APIVersion: "discovery.k8s.io/v1"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "app", Labels: map[string]string{discoveryv1.LabelServiceName: "derl"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}}}
}

// sink collects events and lets a test wait for one.
type sink struct {
	t    *testing.T
	mu   sync.Mutex
	all  []recording.Event
	news chan struct{}
}

func (s *sink) take(e recording.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, e)
	close(s.news)
	s.news = make(chan struct{})
}

// wait gives the first event that is, from the nth on.
func (s *sink) wait(what string, is func(recording.Event) bool) recording.Event {
	s.t.Helper()
	late := time.After(5 * time.Second)
	for n := 0; ; {
		s.mu.Lock()
		news := s.news
		for ; n < len(s.all); n++ {
			if is(s.all[n]) {
				defer s.mu.Unlock()
				return s.all[n]
			}
		}
		s.mu.Unlock()
		select {
		case <-news:
		case <-late:
			s.t.Fatalf("no event in 5 s: %s; there were: %s", what, s.text())
		}
	}
}

// count is how many events there are so far.
func (s *sink) count(is func(recording.Event) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.all {
		if is(e) {
			n++
		}
	}
	return n
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, e := range s.all {
		j, err := json.Marshal(e)
		if err != nil {
			s.t.Fatal(err)
		}
		b.Write(append(j, '\n'))
	}
	return b.String()
}

// hosts are the agents that the observer finds, by their pods' names: real servers on loopback.
type hosts struct {
	mu  sync.Mutex
	all map[string]*host
}

type host struct {
	ring  *server.Ring
	srv   *httptest.Server
	plans chan agent.Plan
	boot  func() int64
}

// watcher stands for an agent's observer, of which only the plans that came are seen.
type watcher chan agent.Plan

func (w watcher) SetPlan(p agent.Plan)    { w <- p }
func (w watcher) Run(ctx context.Context) { <-ctx.Done() }

func (h *hosts) start(t *testing.T, pod, node string, boot func() int64) *host {
	t.Helper()
	x := &host{plans: make(chan agent.Plan, 1000), boot: boot}
	ctx, cancel := context.WithCancel(context.Background())
	sessions := server.NewSessions(ctx, boot, func(func(recording.Event)) server.Observer { return watcher(x.plans) })
	t.Cleanup(sessions.Wait)
	t.Cleanup(cancel)
	var err error
	if x.ring, err = sessions.Ring("app"); err != nil {
		t.Fatal(err)
	}
	x.srv = httptest.NewServer(server.Handler(recording.Start{Node: node, Can: []string{"netns"}}, sessions))
	t.Cleanup(x.stop)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[pod] = x
	return x
}

func (x *host) stop() {
	_ = x.srv.Listener.Close() // nobody comes back
	x.srv.CloseClientConnections()
	x.srv.Close()
}

func (h *hosts) client(pod string) *agentclient.Client {
	return agentclient.Over(func(ctx context.Context, network, _ string) (net.Conn, error) {
		h.mu.Lock()
		x := h.all[pod]
		h.mu.Unlock()
		if x == nil {
			return nil, fmt.Errorf("pod %s is not there", pod)
		}
		return new(net.Dialer).DialContext(ctx, network, x.srv.Listener.Addr().String())
	}, pod, "app", agent.Token{})
}

// observed is an observer of namespace "app" with a clock of its own, agents in "sys".
func observed(t *testing.T, a *api) (*Observer, *sink, *hosts) {
	t.Helper()
	s := &sink{t: t, news: make(chan struct{})}
	began := time.Now()
	o := newObserver(Options{Client: a.client(), Namespace: "app", AgentNamespace: "sys", DNSName: "derl.app.svc.cluster.local.", EPMDPort: 4369, DistPort: 10000,
		Now: func() time.Duration { return time.Since(began) }, Sink: s.take})
	o.pace = pace{beat: 100 * time.Millisecond, again: 10 * time.Millisecond, clock: 50 * time.Millisecond, plan: 50 * time.Millisecond, retry: 10 * time.Millisecond, miss: 300 * time.Millisecond}
	h := &hosts{all: map[string]*host{}}
	o.connect = h.client
	return o, s, h
}

func begin(t *testing.T, o *Observer) {
	t.Helper()
	if err := o.start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Stop)
}
