// Command scale measures what a run costs as the cluster grows: it runs the formation of the profile dns-a with each number of
// replicas, and reads from the recordings how long the mesh took, how long the verdict took after it, what looking used of the
// CPU, and how large the results are.
//
// In: the meshproof binary in the same folder (`make scale` builds both) and numbers of replicas. Out: one row of a table for each.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func main() {
	nodes := flag.Int("nodes", 1, "nodes of the cluster")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := measureAll(ctx, flag.Args(), *nodes)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func measureAll(ctx context.Context, numbers []string, nodes int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program := filepath.Join(filepath.Dir(self), "meshproof")
	fmt.Println("| pods | nodes | mesh full after | verdict after that | agent: CPU, of a core on average, most in 5 s | harness | recording | per pod | report.html | judged again in | with at most |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|")
	for _, s := range numbers {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			return fmt.Errorf("%q is no number of replicas", s)
		}
		row, err := measure(ctx, program, n, nodes)
		if err != nil {
			return fmt.Errorf("%d replicas: %w", n, err)
		}
		fmt.Println(row)
	}
	return nil
}

// measure runs n replicas and returns the row.
func measure(ctx context.Context, program string, n, nodes int) (string, error) {
	work, err := os.MkdirTemp("", "meshproof-scale-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	if err = writeProfile(work, n); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, program, "run", "-f", filepath.Join(work, "profile.yaml"), "--scenarios", "formation", "--nodes", strconv.Itoa(nodes))
	cmd.Dir, cmd.Stderr = work, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	path, err := find(work, ".jsonl")
	if err != nil {
		return "", err
	}
	return row(ctx, program, path, n, nodes)
}

// writeProfile writes dns-a with n replicas into dir.
func writeProfile(dir string, n int) error {
	const from = "fixtures/profiles/dns-a"
	app, err := filepath.Abs("erlang-app")
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("run it in the root of a checkout: %w", err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return err
		}
		for old, now := range map[string]map[string]string{
			"deployment.yaml": {"replicas: 3": fmt.Sprintf("replicas: %d", n)},
			"profile.yaml":    {"../../../erlang-app": app},
		}[e.Name()] {
			if !bytes.Contains(text, []byte(old)) {
				return fmt.Errorf("%s has no %q any more", e.Name(), old)
			}
			text = bytes.ReplaceAll(text, []byte(old), []byte(now))
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// row reads a recording and judges it once more.
func row(ctx context.Context, program, path string, n, nodes int) (string, error) {
	v, err := view.Load(path)
	if err != nil {
		return "", err
	}
	applied, there := v.Act(recording.Apply)
	full, ever := v.FirstFull(0)
	if !there || !ever {
		return "", fmt.Errorf("%s: the mesh was never full", path)
	}
	var agents, harness []string
	for _, c := range v.Costs() {
		share := fmt.Sprintf("%.1f s, %.0f %%, %.0f %%", c.CPU.Seconds(), 100*c.Share(), 100*c.Most)
		if c.Observer == recording.ByKube {
			harness = append(harness, share)
		} else {
			agents = append(agents, share)
		}
	}
	size, err := sizeOf(path)
	if err != nil {
		return "", err
	}
	page := "-"
	if at, err := find(filepath.Dir(filepath.Dir(path)), "report.html"); err == nil {
		if bytes, err := sizeOf(at); err == nil {
			page = fmt.Sprintf("%d kB", bytes/1000)
		}
	}
	judge := exec.CommandContext(ctx, program, "judge", path)
	began := time.Now()
	if out, err := judge.CombinedOutput(); err != nil {
		return "", fmt.Errorf("judge: %w\n%s", err, out)
	}
	took, most := time.Since(began), int64(0)
	if u, ok := judge.ProcessState.SysUsage().(*syscall.Rusage); ok {
		most = int64(u.Maxrss) / 1024
	}
	return fmt.Sprintf("| %d | %d | %.1f s | %.1f s | %s | %s | %.1f MB | %d kB | %s | %.2f s | %d MiB |", n, nodes, (full - applied.T).Seconds(), (v.End() - full).Seconds(),
		strings.Join(agents, "; "), strings.Join(harness, "; "), float64(size)/1e6, size/int64(n)/1000, page, took.Seconds(), most), nil
}

// find returns the first file under dir whose name ends like that.
func find(dir, end string) (string, error) {
	found := ""
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, end) && found == "" {
			found = path
		}
		return err
	})
	if err == nil && found == "" {
		err = fmt.Errorf("there is no %s in %s", end, dir)
	}
	return found, err
}

func sizeOf(path string) (int64, error) {
	i, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return i.Size(), nil
}
