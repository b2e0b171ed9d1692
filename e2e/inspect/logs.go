package inspect

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/recording"
)

// How much of a container's log is read, and how many of its lines are kept. The log of a node that rejects a peer again and again
// says so every few seconds.
const (
	logLines = 2000
	logBytes = 2 << 20
	logTime  = 3 * time.Second
	kept     = 40
	longest  = 600
	atOnce   = 8
)

// speaks matches the lines of a log that speak of the distribution (OTP's dist_util, net_kernel, global, erl_distribution), and those by
// which a VM says why it does not start. Only they are kept: the cookie is not known, so that it could not be taken out of others.
var speaks = regexp.MustCompile(`(?i)connection attempt (from|to|with)|challenge (reply|response)|overlapping partitions|not responding|can't set (short|long) node name|` +
	`protocol '?inet|eaddrinuse|seems to be in use|failed to (start|listen).*(dist|epmd)|net_kernel|kernel pid terminated`)

// secretive matches what may be in one line with a cookie.
var secretive = regexp.MustCompile(`(?i)cookie`)

// readLogs reads the ends of the logs of the pods' containers, and of those that were started again how they ended before.
func (i *inspection) readLogs(ctx context.Context, pods []*recording.Pod) {
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	var wg sync.WaitGroup
	free := make(chan struct{}, atOnce)
	for _, p := range pods {
		for _, c := range p.Containers {
			free <- struct{}{}
			guard.Go(&wg, i.o.Caught, func() {
				defer func() { <-free }()
				i.readLog(ctx, p, c)
			})
		}
	}
	wg.Wait()
}

func (i *inspection) readLog(ctx context.Context, p *recording.Pod, c recording.Container) {
	var lines []string
	if c.Restarts > 0 {
		lines, _ = i.spoken(ctx, p.Name, c.Name, true)
	}
	if c.State == "running" {
		now, err := i.spoken(ctx, p.Name, c.Name, false)
		if err != nil && ctx.Err() == nil {
			i.looks.Lose("the log of "+p.Name+": "+sentence(err), recording.Kind(recording.Log))
		}
		lines = append(lines, now...)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.logs[p.UID+"/"+c.Name] = lines
}

// spoken are the lines that are kept, each with its time before it.
func (i *inspection) spoken(ctx context.Context, pod, container string, previous bool) ([]string, error) {
	i.mu.Lock()
	i.read["read log"]++
	i.mu.Unlock()
	n, most := int64(logLines), int64(logBytes)
	stream, err := i.o.Client.CoreV1().Pods(i.o.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, TailLines: &n, LimitBytes: &most, Timestamps: true, Previous: previous}).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return spokenOf(stream, i.known.Text), nil
}

func spokenOf(log io.Reader, redact func(string) string) (lines []string) {
	in := bufio.NewScanner(log)
	in.Buffer(make([]byte, 0, 64<<10), logBytes)
	for in.Scan() {
		line := in.Text()
		if !speaks.MatchString(line) || secretive.MatchString(line) {
			continue
		}
		line = redact(line)
		if len(line) > longest {
			line = strings.ToValidUTF8(line[:longest], "") + " …"
		}
		if lines = append(lines, line); len(lines) > kept {
			lines = lines[1:]
		}
	}
	return lines
}

// withLogs adds the lines to the pod's containers, and reports whether there are any.
func (i *inspection) withLogs(p *recording.Pod) (found bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for j := range p.Containers {
		c := &p.Containers[j]
		c.Log = i.logs[p.UID+"/"+c.Name]
		found = found || len(c.Log) > 0
	}
	return found
}
