package observe

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

// The part of a container's log that is recorded: the last lines, each cut if it is too long to read.
const (
	tailLines = 120
	tailBytes = 64 << 10
	lineBytes = 1000
	maxSecret = 1 << 10 // a cookie has 255 bytes at most; as a list of numbers that is 1019
	logBudget = 5 * time.Second
)

// podIndex keeps the latest state of each pod, and its log lines. Its lock is held while a pod is recorded, so that no older state
// is ever recorded after a newer one.
type podIndex struct {
	mu     sync.Mutex
	latest map[string]*recording.Pod
	logs   map[string][]string // by logKey; nil while they are read
}

func newPodIndex() *podIndex {
	return &podIndex{latest: map[string]*recording.Pod{}, logs: map[string][]string{}}
}

// logKey names one end of one container.
func logKey(uid string, c recording.Container) string {
	return fmt.Sprintf("%s/%s/%d/%t", uid, c.Name, c.Restarts, c.State == "running")
}

// recordPod records a pod's state with the logs that are known.
func (o *Observer) recordPod(r *recording.Pod) {
	o.pods.mu.Lock()
	defer o.pods.mu.Unlock()
	o.recordLocked(r)
}

func (o *Observer) recordLocked(r *recording.Pod) {
	if o.pods.latest[r.UID] = r; r.Gone {
		delete(o.pods.latest, r.UID)
	}
	for i, c := range r.Containers {
		if unwell(c) {
			r.Containers[i].Log = o.pods.logs[logKey(r.UID, c)]
		}
	}
	o.kube(recording.Event{Pod: r})
}

// unwell reports whether the last output of a container matters: it waits for something other than its image and volumes, has
// ended, or has restarted.
func unwell(c recording.Container) bool {
	switch c.State {
	case "waiting":
		return c.Reason != "" && c.Reason != "ContainerCreating" && c.Reason != "PodInitializing"
	case "terminated":
		return true
	default:
		return c.Restarts > 0
	}
}

// readLogs reads the last lines of the pod's containers that have failed, once for each end of one, and records the pod again with
// them. Before the cookie is known it does nothing, because it could not be redacted in the lines.
func (o *Observer) readLogs(ctx context.Context, r *recording.Pod) {
	if r.Deleting || !o.Redactor.Guards() {
		return
	}
	for _, c := range r.Containers {
		key := logKey(r.UID, c)
		o.pods.mu.Lock()
		_, known := o.pods.logs[key]
		if wanted := unwell(c) && !known; wanted {
			o.pods.logs[key] = nil
			o.spawn(func() { o.readLog(ctx, r, c, key) })
		}
		o.pods.mu.Unlock()
	}
}

func (o *Observer) readLog(ctx context.Context, r *recording.Pod, c recording.Container, key string) {
	lines := o.lastLines(ctx, r.Name, c)
	if ctx.Err() == nil {
		o.keepLog(r.UID, key, lines)
	}
}

// keepLog keeps the lines for the states of the pod that they belong to, and records its latest state again with them.
func (o *Observer) keepLog(uid, key string, lines []string) {
	if len(lines) == 0 {
		return
	}
	o.pods.mu.Lock()
	defer o.pods.mu.Unlock()
	o.pods.logs[key] = lines
	if now := o.pods.latest[uid]; now != nil {
		more := *now // the recorded one belongs to the sink
		more.Containers = slices.Clone(now.Containers)
		o.recordLocked(&more)
	}
}

// mostLogs is of how many pods that are well the log is read.
const mostLogs = 10

// Epilogue reports each failed pod again, with the last lines of its containers' logs: they are the best diagnosis. well says that those
// of the first few pods that are well are wanted, too: their nodes have not found each other, and may say why.
func (o *Observer) Epilogue(ctx context.Context, well bool) {
	list, err := o.Client.CoreV1().Pods(o.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		o.kube(recording.Event{ObserverError: &recording.ObserverError{What: "listing the pods at the end: " + err.Error()}})
		return
	}
	read := 0
	for i := range list.Items {
		r := podOf(&list.Items[i], false)
		if !o.Owns(r.Labels, r.Owner) {
			continue
		}
		if r.Ready && !slices.ContainsFunc(r.Containers, unwell) {
			if read++; !well || read > mostLogs {
				continue
			}
		}
		for j := range r.Containers {
			c := &r.Containers[j]
			c.Message = o.Redactor.Text(c.Message)
			if c.Log = o.knownLines(r.UID, *c); len(c.Log) == 0 {
				c.Log = o.lastLines(ctx, r.Name, *c)
			}
		}
		r.NotReady = o.Redactor.Text(r.NotReady)
		o.kube(recording.Event{Pod: r})
	}
}

// knownLines are the last lines of a container that has ended, where they were read before: the kubelet soon has them no more.
func (o *Observer) knownLines(uid string, c recording.Container) []string {
	o.pods.mu.Lock()
	defer o.pods.mu.Unlock()
	if c.State != "terminated" {
		return nil
	}
	return o.pods.logs[logKey(uid, c)]
}

// lostLog is how the kubelet answers for the log of a container that it has removed.
const lostLog = "failed to try resolving symlinks in path "

// lastLines reads the end of a container's log; if the container has restarted, of the run before.
func (o *Observer) lastLines(ctx context.Context, pod string, c recording.Container) []string {
	ctx, cancel := context.WithTimeout(ctx, logBudget)
	defer cancel()
	n := int64(tailLines)
	opts := &corev1.PodLogOptions{Container: c.Name, TailLines: &n, Previous: c.Restarts > 0 && c.State == "running"}
	stream, err := o.Client.CoreV1().Pods(o.Namespace).GetLogs(pod, opts).Stream(ctx)
	if err != nil {
		return nil // a container that never started has no log
	}
	defer stream.Close()
	raw, err := io.ReadAll(io.LimitReader(stream, tailBytes))
	if err != nil {
		return nil
	}
	// Secrets are redacted before anything is cut: half a secret would not be recognised.
	text := o.Redactor.Text(string(raw))
	if len(raw) == tailBytes {
		text = text[:max(0, len(text)-maxSecret)] // the rest may be half a secret
	}
	return logLines(text)
}

func logLines(text string) []string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		if len(l) > lineBytes {
			l = strings.ToValidUTF8(l[:lineBytes], "") + " …"
		}
		lines = append(lines, l)
	}
	if len(lines) == 1 && (lines[0] == "" || strings.HasPrefix(lines[0], lostLog)) {
		return nil
	}
	return lines
}
