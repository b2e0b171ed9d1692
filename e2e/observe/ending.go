package observe

import (
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/recording"
)

// endBudget is how long the log of a container is followed that is about to end: longer than most grace periods.
const endBudget = 2 * time.Minute

// followEnds reads the logs of a pod that is being deleted to their end: a VM that gets SIGTERM says so in its log, and when it has
// ended there is soon no log to be read.
func (o *Observer) followEnds(ctx context.Context, r *recording.Pod) {
	if !r.Deleting || r.Gone || !o.Redactor.Guards() {
		return
	}
	for _, c := range r.Containers {
		if c.State != "running" {
			continue
		}
		ended := c
		ended.State = "terminated"
		key := logKey(r.UID, ended)
		o.pods.mu.Lock()
		if _, known := o.pods.logs[key]; !known {
			o.pods.logs[key] = nil
			o.spawn(func() { o.followEnd(ctx, r, c.Name, key) })
		}
		o.pods.mu.Unlock()
	}
}

func (o *Observer) followEnd(ctx context.Context, r *recording.Pod, container, key string) {
	ctx, cancel := context.WithTimeout(ctx, endBudget)
	defer cancel()
	n := int64(tailLines)
	stream, err := o.Client.CoreV1().Pods(o.Namespace).GetLogs(r.Name, &corev1.PodLogOptions{Container: container, Follow: true, TailLines: &n}).Stream(ctx)
	if err != nil {
		return // it has ended already
	}
	defer stream.Close()
	o.keepLog(r.UID, key, o.linesOf(lastBytes(stream)))
}

// lastBytes reads to the end and keeps what the log of a container may have; cut tells that it was more.
func lastBytes(from io.Reader) (last []byte, cut bool) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		last = append(last, buf[:n]...)
		if len(last) > 2*tailBytes {
			last, cut = append([]byte(nil), last[len(last)-tailBytes:]...), true
		}
		if err != nil {
			return last, cut || !errors.Is(err, io.EOF)
		}
	}
}

// linesOf are the last lines of a log without secrets. They are redacted before anything else is cut: half a secret would not be
// recognised, so that what may be half of one is left out.
func (o *Observer) linesOf(raw []byte, cut bool) []string {
	text := o.Redactor.Text(string(raw))
	if cut {
		text = text[min(len(text), maxSecret):max(min(len(text), maxSecret), len(text)-maxSecret)]
	}
	lines := logLines(text)
	return lines[max(0, len(lines)-tailLines):]
}
