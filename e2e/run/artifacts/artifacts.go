// Package artifacts keeps what the containers of one workload log and what Kubernetes says of them, from the start: when a run
// fails, the pod that knew why may be gone.
//
// In: the observers' events, the API server for the logs. Out: files in a folder, with nothing in them that the redactor guards,
// and no more than a quota: of a long log the first and the last part. A log that could not be read, or was cut, is named in
// events.log.
package artifacts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/clip"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// limits are how much is kept, and how often a log is asked for.
type limits struct {
	head, tail int           // of one log, or of events.log
	all        int64         // of all logs together
	first      time.Duration // after a first attempt that failed; each later one waits twice as long, at most most
	most       time.Duration
}

func defaults() limits {
	return limits{head: 8 << 20, tail: 1 << 20, all: 128 << 20, first: 200 * time.Millisecond, most: 5 * time.Second}
}

// Artifacts are those of one workload. Safe for concurrent use.
type Artifacts struct {
	Caught func(error)          // a panic of a goroutine
	Start  time.Time            // t = 0 of the recordings
	Felt   func(recording.Felt) // gets what an application writes to its log of what it noticed of its peers

	client    kubernetes.Interface
	namespace string
	dir       string
	redactor  *secrets.Redactor
	limits    limits
	quota     *clip.Quota

	mu       sync.Mutex
	followed map[string]bool  // container starts whose logs are
	starts   map[string]int32 // by container: its latest start
	gone     map[string]bool  // pods, by UID
	now      time.Duration    // of the latest event
	file     *os.File
	events   *clip.Writer
	wg       sync.WaitGroup
	ctx      context.Context //nolint:containedctx // ends the streams when the run of the workload ends
	cancel   context.CancelCauseFunc
}

// New makes dir and writes into it.
func New(client kubernetes.Interface, namespace, dir string, redactor *secrets.Redactor) (*Artifacts, error) {
	return limited(client, namespace, dir, redactor, defaults())
}

func limited(client kubernetes.Interface, namespace, dir string, redactor *secrets.Redactor, l limits) (*Artifacts, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(dir, "events.log"))
	if err != nil {
		return nil, err
	}
	a := &Artifacts{
		client: client, namespace: namespace, dir: dir, redactor: redactor, limits: l, quota: clip.NewQuota(l.all),
		followed: map[string]bool{}, starts: map[string]int32{}, gone: map[string]bool{},
		file: f, events: &clip.Writer{To: f, Head: l.head, Tail: l.tail},
	}
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	return a, nil
}

// errEnded is why streams end before their container.
var errEnded = errors.New("the run of the workload ended") //nolint:gochecknoglobals // an error to compare with

// Close ends the streams and waits until their files are written.
func (a *Artifacts) Close() {
	a.cancel(errEnded)
	a.wg.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	_, _ = a.events.Close()
	_ = a.file.Close()
}

// See takes from the observers' events what is worth keeping.
func (a *Artifacts) See(e recording.Event) {
	switch e.Kind() {
	case recording.KindNotice:
		n := e.Notice
		a.note(e.T, n.Type, n.Object, n.Reason+": "+n.Message)
	case recording.KindPod:
		a.mu.Lock()
		a.now = max(a.now, e.T)
		a.gone[e.Pod.UID] = a.gone[e.Pod.UID] || e.Pod.Gone
		a.mu.Unlock()
		for _, c := range e.Pod.Containers {
			a.follow(e.Pod, c)
		}
	}
}

// note writes a line to events.log.
func (a *Artifacts) note(t time.Duration, sort, object, text string) {
	line := a.redactor.Text(fmt.Sprintf("%9.3f %-8s %-40s %s", t.Seconds(), sort, object, text))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.now = max(a.now, t)
	_, _ = fmt.Fprintln(a.events, line)
}
