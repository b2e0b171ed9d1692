package inspect

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"meshproof.dev/meshproof/e2e/agent"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/observe"
	"meshproof.dev/meshproof/e2e/observe/remote"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/workload"
)

// Why there is no agent and no cookie. The cookie's reason ends a sentence about what is not seen.
const (
	noAgent  = "meshproof inspect starts nothing in the cluster"
	noCookie = "no cookie is offered to a node"
)

// recorder keeps the events of one cluster.
type recorder struct {
	now   func() time.Time
	start time.Time

	mu     sync.Mutex
	events []recording.Event
}

func (r *recorder) add(by string, e recording.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.T, e.By = r.now().Sub(r.start), by
	r.events = append(r.events, e)
}

func (r *recorder) kube(e recording.Event) { r.add(recording.ByKube, e) }

func (r *recorder) act(do, detail string) {
	r.add(recording.ByRun, recording.Event{Act: &recording.Act{Do: do, Detail: detail}})
}

// lastTable is when the last socket table was read, or the beginning.
func (r *recorder) lastTable() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.events) {
		if e.Sockets != nil {
			return r.start.Add(e.T)
		}
	}
	return r.start
}

// inspection is the inspection of one cluster.
type inspection struct {
	*recorder
	o Options
	w *workload.Workload

	cookie []byte // nil: none
	known  *secrets.Redactor
	looks  *remote.Looks
	logs   map[string][]string // of the containers, by pod UID and name
	names  map[string]bool     // "Pod/derl-x" and other objects of it
	read   map[string]int      // logs that were read
}

// cluster inspects one cluster of nodes, of which the first lists are there.
func (o Options) cluster(ctx context.Context, w *workload.Workload, first *found, cookie []byte, start time.Time) (Cluster, error) {
	h, err := w.Header(recording.Inspect, o.Namespace)
	if err != nil {
		return Cluster{}, err
	}
	h.Format, h.Start = recording.Format, start.UTC()
	i := &inspection{recorder: &recorder{now: o.Now, start: start}, o: o, w: w, cookie: cookie, known: &secrets.Redactor{}, logs: map[string][]string{}, names: map[string]bool{}, read: map[string]int{}}
	i.known.Guard(cookie)
	without := noCookie
	if len(cookie) > 0 {
		without = ""
	}
	i.looks = remote.NewLooks(remote.Options{Rest: o.Rest, Client: o.Client, Namespace: o.Namespace, NoAgent: noAgent, NoCookie: without, Caught: o.Caught,
		Emit: func(e recording.Event) { i.add(recording.ByAPI, e) }})
	defer i.looks.Close()
	i.kube(recording.Event{Start: &recording.Start{}})
	if err = i.objects(); err != nil {
		return Cluster{}, err
	}
	i.look(ctx, first, true)
	select {
	case <-ctx.Done():
		return Cluster{}, context.Cause(ctx)
	case <-time.After(o.Apart - o.Now().Sub(i.lastTable())):
	}
	i.act(recording.LookAgain, "")
	second := &found{items: map[string][]runtime.Object{}, refused: map[string]error{}, count: map[string]int{}}
	second.read(ctx, o.Client, o.Namespace, o.Caught, moving)
	i.gone(first, second)
	i.look(ctx, second, false)
	if ctx.Err() != nil {
		return Cluster{}, context.Cause(ctx)
	}
	i.act(recording.Did, i.did(first, second))
	return Cluster{Name: w.Resolved.Name, Header: h, Events: i.events, Notes: w.Notes()}, nil
}

// objects records the objects of the application, without what may be a cookie.
func (i *inspection) objects() error {
	if err := i.w.Guard(i.known); err != nil {
		return err
	}
	y, err := i.w.Render("", nil)
	if err != nil {
		return err
	}
	all, err := workload.Objects(y, ".", i.known)
	if err != nil {
		return err
	}
	for _, o := range all {
		o.File, o.Lines = "", nil // they stand in no file
		i.names[o.Kind+"/"+o.Name] = true
		i.add(recording.ByRun, recording.Event{Object: &o})
	}
	return nil
}

// look is one of the two looks.
func (i *inspection) look(ctx context.Context, f *found, first bool) {
	for _, l := range lists() {
		if err := f.refused[l.kind]; err != nil {
			i.looks.Lose(l.resource+": "+sentence(err), l.of...)
		}
	}
	pods := i.pods(f)
	for _, p := range pods {
		i.kube(recording.Event{Pod: p})
	}
	for _, s := range f.services() {
		if i.names["Service/"+s.Name] {
			i.kube(recording.Event{Service: observe.ServiceOf(s)})
		}
	}
	for _, s := range f.slices() {
		if i.names["Service/"+s.Labels[discoveryv1.LabelServiceName]] {
			i.kube(recording.Event{Slice: observe.SliceOf(s)})
		}
	}
	if first {
		i.notices(f)
		for _, c := range i.changes(f) {
			i.kube(recording.Event{Change: &c})
		}
	}
	var wg sync.WaitGroup
	if first {
		guard.Go(&wg, i.o.Caught, func() { i.readLogs(ctx, pods) })
	}
	var running []remote.Pod
	for _, p := range pods {
		if p.IP != "" && p.Phase == string(corev1.PodRunning) {
			running = append(running, observe.RemotePod(p))
		}
	}
	i.looks.Look(ctx, agent.Plan{EPMDPort: i.w.Resolved.EPMDPort, DistPort: i.w.Resolved.DistPort, Cookie: i.cookie, CommonCookie: i.known.Common(i.cookie)}, running)
	wg.Wait()
	for _, p := range pods {
		if i.withLogs(p) {
			i.kube(recording.Event{Pod: p})
		}
	}
}

// pods are the pods of the cluster, with their revisions.
func (i *inspection) pods(f *found) (all []*recording.Pod) {
	for _, p := range f.pods() {
		r := observe.PodOf(p)
		if !i.w.Resolved.Owns(r.Labels, r.Owner) {
			continue
		}
		r.NotReady = i.known.Text(r.NotReady)
		for j := range r.Containers {
			r.Containers[j].Message = i.known.Text(r.Containers[j].Message)
		}
		if p.DeletionTimestamp != nil {
			r.DeleteBy = p.DeletionTimestamp.UTC()
		}
		if r.Revision = f.revision(p); r.Revision == "" {
			r.Revision = i.revisionSeen(r.UID)
		}
		i.names["Pod/"+r.Name] = true
		i.names[r.Owner] = true
		all = append(all, r)
	}
	return all
}

// revisionSeen is the revision of the pod as it was seen in the first look.
func (i *inspection) revisionSeen(uid string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range i.events {
		if e.Pod != nil && e.Pod.UID == uid {
			return e.Pod.Revision
		}
	}
	return ""
}

// gone records the pods that are no more.
func (i *inspection) gone(first, second *found) {
	if second.refused["Pod"] != nil {
		return
	}
	still := map[string]bool{}
	for _, p := range second.pods() {
		still[string(p.UID)] = true
	}
	for _, p := range i.pods(first) {
		if !still[p.UID] {
			p.Gone = true
			i.kube(recording.Event{Pod: p})
		}
	}
}

// notices records what Kubernetes says about the objects of the cluster.
func (i *inspection) notices(f *found) {
	for _, e := range of[*corev1.Event](f, "Event") {
		object := e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name
		if i.names[object] {
			i.kube(recording.Event{Notice: &recording.Notice{Object: object, Type: e.Type, Reason: e.Reason, Message: i.known.Text(e.Message)}})
		}
	}
}

// did is what was done, in one line.
func (i *inspection) did(all ...*found) string {
	n := i.looks.Did()
	maps.Copy(n, i.read)
	for _, f := range all {
		for what, times := range f.count {
			n[what] += times
		}
	}
	var lines []string
	for _, what := range slices.Sorted(maps.Keys(n)) {
		lines = append(lines, fmt.Sprintf("%s %d", what, n[what]))
	}
	return strings.Join(lines, ", ")
}

// sentence is the first line of an error.
func sentence(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return line
}
