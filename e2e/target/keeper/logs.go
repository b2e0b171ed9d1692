package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"meshproof.dev/meshproof/e2e/clip"
	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/guard"
)

// nodeLogs are the commands whose output shows what a node did. /var/log/pods is read as one archive, because a node has hundreds
// of small files there; the workloads' own logs are excluded, because a run reads them itself and redacts the cookies. tar ends
// with 1 if a log grew while it was read, and its message about that would break the archive.
var nodeLogs = []struct {
	file string
	args func(node string) []string
}{
	{"serial.log", func(n string) []string { return []string{"logs", n} }},
	{"inspect.json", func(n string) []string { return []string{"inspect", n} }},
	{"kubelet.log", func(n string) []string { return []string{"exec", n, "journalctl", "--no-pager", "-u", "kubelet"} }},
	{"containerd.log", func(n string) []string { return []string{"exec", n, "journalctl", "--no-pager", "-u", "containerd"} }},
	{"journal.log", func(n string) []string { return []string{"exec", n, "journalctl", "--no-pager"} }},
	{"pods.tar.gz", func(n string) []string {
		return []string{"exec", n, "sh", "-c", "tar -C /var/log --exclude='pods/meshproof-*' -czf - pods 2>/dev/null || [ $? = 1 ]"}
	}},
}

// CollectLogs writes, per node of the kind cluster, the console, the journal and the pods' logs to dir/NODE. It
// collects what it can; the error names the rest.
func CollectLogs(ctx context.Context, e *engine.Engine, cluster, dir string) error {
	nodes, err := Nodes(ctx, e, cluster)
	if err != nil {
		return err
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	for _, node := range Names(nodes) {
		failed := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
		guard.Go(&wg, failed, func() {
			sub := filepath.Join(dir, node)
			if merr := os.MkdirAll(sub, 0o755); merr != nil {
				failed(merr)
				return
			}
			for _, l := range nodeLogs {
				if lerr := toFile(ctx, e, filepath.Join(sub, l.file), l.args(node)); lerr != nil {
					failed(fmt.Errorf("%s of %s: %w", l.file, node, lerr))
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// A log has at most its first and its last bytes: a node that logs without end must not fill the disk. Cuts are between lines, so
// that a secret is redacted whole afterwards.
const (
	firstPart = 24 << 20
	lastPart  = 8 << 20
)

func toFile(ctx context.Context, e *engine.Engine, path string, args []string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	c := e.Cmd(ctx, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := &clip.Writer{To: f, Head: firstPart, Tail: lastPart}
	c.Stdout, c.Stderr = out, out // an error is written in place of the log
	err = c.Run()
	omitted, werr := out.Close()
	if omitted > 0 {
		werr = errors.Join(werr, fmt.Errorf("%d bytes were left out", omitted))
	}
	return errors.Join(err, werr, f.Close())
}
