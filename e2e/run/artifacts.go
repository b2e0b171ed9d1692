package run

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/recording"
)

// artifacts keeps what the containers log and what Kubernetes says of them, from the start: when a run fails, the pod
// that knew why may be gone.
type artifacts struct {
	client kubernetes.Interface
	ns     string
	dir    string

	mu      sync.Mutex
	secrets []string
	seen    map[string]bool // container starts that are followed
	events  *os.File
	wg      sync.WaitGroup
	ctx     context.Context //nolint:containedctx // ends the streams when the story ends
	cancel  context.CancelFunc
}

func newArtifacts(client kubernetes.Interface, ns, dir string) (*artifacts, error) {
	if err := mkdir(dir); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "events.log"))
	if err != nil {
		return nil, err
	}
	a := &artifacts{client: client, ns: ns, dir: dir, seen: map[string]bool{}, events: f}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a, nil
}

func (a *artifacts) close() {
	a.cancel()
	a.wg.Wait()
	_ = a.events.Close()
}

// guard names a secret that no line may hold, neither as it is nor in base64.
func (a *artifacts) guard(secret []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := strings.TrimSpace(string(secret))
	a.secrets = append(a.secrets, s, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(s)), "="))
}

func (a *artifacts) redact(line string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.secrets {
		if s != "" {
			line = strings.ReplaceAll(line, s, "(cookie)")
		}
	}
	return line
}

// see takes from the observers' events what is worth keeping.
func (a *artifacts) see(_ context.Context, e recording.Event) {
	switch {
	case e.Notice != nil:
		n := e.Notice
		line := a.redact(fmt.Sprintf("%9.3f %-8s %-40s %s: %s", e.T.Seconds(), n.Type, n.Object, n.Reason, n.Message))
		a.mu.Lock()
		_, _ = fmt.Fprintln(a.events, line)
		a.mu.Unlock()
	case e.Pod != nil:
		for _, c := range e.Pod.Containers {
			a.follow(e.Pod, c)
		}
	}
}

// follow streams the log of a container that runs or has run, once for each start of it.
func (a *artifacts) follow(p *recording.Pod, c recording.Container) {
	if c.State == "waiting" {
		return
	}
	key := fmt.Sprintf("%s.%s.%d", p.Name, c.Name, c.Restarts)
	a.mu.Lock()
	known := a.seen[key]
	a.seen[key] = true
	a.mu.Unlock()
	if known || a.ctx.Err() != nil {
		return
	}
	a.wg.Go(func() {
		r, err := a.client.CoreV1().Pods(a.ns).GetLogs(p.Name, &corev1.PodLogOptions{Container: c.Name, Follow: true}).Stream(a.ctx)
		if err != nil {
			return // it ended before its log could be read; events.log has why
		}
		defer r.Close()
		f, err := os.Create(filepath.Join(a.dir, key+".log"))
		if err != nil {
			return
		}
		defer f.Close()
		for lines := bufio.NewScanner(r); lines.Scan(); {
			_, _ = fmt.Fprintln(f, a.redact(lines.Text()))
		}
	})
}
