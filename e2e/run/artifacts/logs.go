package artifacts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/clip"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// follow streams the log of a container that runs or has run, once for each start of it. One that was started again before it
// was seen has a log of its own.
func (a *Artifacts) follow(p *recording.Pod, c recording.Container) {
	if c.State == "waiting" && c.Restarts == 0 && c.Reason != "CrashLoopBackOff" {
		return
	}
	a.start(p, c)
	if before := c; c.Restarts > 0 {
		before.Restarts--
		a.start(p, before)
	}
}

func (a *Artifacts) start(p *recording.Pod, c recording.Container) {
	container := p.UID + "." + c.Name
	key := fmt.Sprintf("%s.%d", container, c.Restarts)
	a.mu.Lock()
	already := a.followed[key]
	a.followed[key] = true
	a.starts[container] = max(a.starts[container], c.Restarts)
	a.mu.Unlock()
	if already || a.ctx.Err() != nil {
		return
	}
	l := &log{Artifacts: a, pod: p, container: c}
	l.felt = l.feltIn()
	guard.Go(&a.wg, a.Caught, l.read)
}

// log is that of one start of a container.
type log struct {
	*Artifacts
	pod       *recording.Pod
	container recording.Container
	file      *os.File // nil until something was read
	out       *clip.Writer
	heard     time.Time // when it was last read from
	felt      *felt
}

// read reads the log until the container or the run ends. A read that fails is tried again: the container is still being
// created, or the connection to its node is lost for a moment.
func (l *log) read() {
	defer l.finish()
	var last error // before the run ended
	for wait := l.limits.first; ; wait = min(2*wait, l.limits.most) {
		restarts, gone := l.state()
		if restarts > 1 {
			l.lost(errors.New("the container was started twice more before it could be read"), l.file == nil)
			return
		}
		err := l.stream(restarts == 1)
		if err == nil {
			return
		}
		if l.ctx.Err() != nil {
			if l.file == nil {
				l.lost(fmt.Errorf("%w before it could be read: %w", context.Cause(l.ctx), cmp.Or(last, err)), true)
			}
			return
		}
		last = err
		if gone {
			l.lost(fmt.Errorf("the pod is gone: %w", err), l.file == nil)
			return
		}
		select {
		case <-l.ctx.Done():
		case <-time.After(wait):
		}
	}
}

// state reports how often the container was started since, and whether its pod is gone.
func (l *log) state() (restarts int32, gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.starts[l.pod.UID+"."+l.container.Name] - l.container.Restarts, l.gone[l.pod.UID]
}

// stream reads the log until it ends. After a stream that broke only what came since is read, to the second.
func (l *log) stream(previous bool) error {
	o := &corev1.PodLogOptions{Container: l.container.Name, Follow: !previous, Previous: previous}
	if !l.heard.IsZero() {
		seconds := int64(time.Since(l.heard).Seconds()) + 1
		o.SinceSeconds = &seconds
	}
	r, err := l.client.CoreV1().Pods(l.namespace).GetLogs(l.pod.Name, o).Stream(l.ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if l.file == nil {
		if l.file, err = l.create(l.pod, l.container); err != nil {
			l.lost(err, false)
			return nil
		}
		l.out = &clip.Writer{To: l.file, Head: l.limits.head, Tail: l.limits.tail, Quota: l.quota}
	}
	l.felt.broke()
	err = l.redactor.Copy(l.out, io.TeeReader(heardReader{r, l}, l.felt))
	if err != nil && l.ctx.Err() == nil {
		_, _ = fmt.Fprintf(l.out, "\n[meshproof: the connection broke here, a second may be missing or be there twice: %s]\n", l.redactor.Text(err.Error()))
	}
	return err
}

// heardReader notes when something is read.
type heardReader struct {
	io.Reader
	log *log
}

func (h heardReader) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if n > 0 {
		h.log.heard = time.Now()
	}
	return n, err
}

// finish closes the file, and says if a part of the log was left out.
func (l *log) finish() {
	if l.file == nil {
		return
	}
	omitted, err := l.out.Close()
	if err = errors.Join(err, l.file.Close()); err != nil {
		l.lost(err, false)
	}
	if omitted > 0 {
		l.report(fmt.Sprintf("%d bytes of the log of container %s (start %d) were left out: %d MiB of one log are kept, and %d MiB of all",
			omitted, l.container.Name, l.container.Restarts, (l.limits.head+l.limits.tail)>>20, l.limits.all>>20))
	}
}

// lost says that the log, or the rest of it, could not be read, and why: in events.log, and in its place if there is no file.
func (l *log) lost(why error, place bool) {
	text := fmt.Sprintf("the log of container %s (start %d) could not be read: %v", l.container.Name, l.container.Restarts, why)
	l.report(text)
	if !place {
		return
	}
	if f, err := l.create(l.pod, l.container); err == nil {
		_, _ = fmt.Fprintf(f, "[meshproof: %s]\n", l.redactor.Text(text))
		_ = f.Close()
	}
}

// report writes a line about the log to events.log, at the time of the latest event.
func (l *log) report(text string) {
	l.mu.Lock()
	now := l.now
	l.mu.Unlock()
	l.note(now, "Log", "Pod/"+l.pod.Name, text)
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
