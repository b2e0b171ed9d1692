// Package artifacts keeps what the containers of one workload log and what Kubernetes says of them, from the start: when a run
// fails, the pod that knew why may be gone.
//
// In: the observers' events, the API server for the logs. Out: files in a folder, with nothing in them that the redactor guards.
package artifacts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// Artifacts are those of one workload. Safe for concurrent use.
type Artifacts struct {
	Caught func(error) // a panic of a goroutine

	client    kubernetes.Interface
	namespace string
	dir       string
	redactor  *secrets.Redactor

	mu       sync.Mutex
	followed map[string]bool // container starts whose logs are
	events   *os.File
	wg       sync.WaitGroup
	ctx      context.Context //nolint:containedctx // ends the streams when the run of the workload ends
	cancel   context.CancelFunc
}

// New makes dir and writes into it.
func New(client kubernetes.Interface, namespace, dir string, redactor *secrets.Redactor) (*Artifacts, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "events.log"))
	if err != nil {
		return nil, err
	}
	a := &Artifacts{client: client, namespace: namespace, dir: dir, redactor: redactor, followed: map[string]bool{}, events: f}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

// Close ends the streams and waits until their files are written.
func (a *Artifacts) Close() {
	a.cancel()
	a.wg.Wait()
	_ = a.events.Close()
}

// See takes from the observers' events what is worth keeping.
func (a *Artifacts) See(e recording.Event) {
	switch e.Kind() {
	case recording.KindNotice:
		n := e.Notice
		line := a.redactor.Text(fmt.Sprintf("%9.3f %-8s %-40s %s: %s", e.T.Seconds(), n.Type, n.Object, n.Reason, n.Message))
		a.mu.Lock()
		_, _ = fmt.Fprintln(a.events, line)
		a.mu.Unlock()
	case recording.KindPod:
		for _, c := range e.Pod.Containers {
			a.follow(e.Pod, c)
		}
	}
}

// follow streams the log of a container that runs or has run, once for each start of it.
func (a *Artifacts) follow(p *recording.Pod, c recording.Container) {
	if c.State == "waiting" {
		return
	}
	key := fmt.Sprintf("%s.%s.%d", p.UID, c.Name, c.Restarts)
	a.mu.Lock()
	already := a.followed[key]
	a.followed[key] = true
	a.mu.Unlock()
	if already || a.ctx.Err() != nil {
		return
	}
	guard.Go(&a.wg, a.Caught, func() {
		r, err := a.client.CoreV1().Pods(a.namespace).GetLogs(p.Name, &corev1.PodLogOptions{Container: c.Name, Follow: true}).Stream(a.ctx)
		if err != nil {
			return // it ended before its log could be read; events.log has why
		}
		defer r.Close()
		f, err := a.create(p, c)
		if err != nil {
			return
		}
		defer f.Close()
		_ = a.redactor.Copy(f, r) // it ends with the container, or with Close
	})
}

// create makes the file for one start of a container. A StatefulSet gives a replacement the name of the pod before it: its
// file has the beginning of its UID, too.
func (a *Artifacts) create(p *recording.Pod, c recording.Container) (*os.File, error) {
	rest := fmt.Sprintf(".%s.%d.log", c.Name, c.Restarts)
	f, err := os.OpenFile(filepath.Join(a.dir, p.Name+rest), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if !os.IsExist(err) {
		return f, err
	}
	return os.Create(filepath.Join(a.dir, p.Name+"-"+p.UID[:min(8, len(p.UID))]+rest))
}
