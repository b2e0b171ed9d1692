package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// containersConf is what podman needs on a nested or hardened host (containers.conf(5)):
//   - its default limits lie above what such a host grants, and setting them fails;
//   - its default of 2048 processes per container kills a node that holds 50 BEAM pods;
//   - crun refuses cgroup v1 and v2 mounted side by side, runc does not.
const containersConf = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
pids_limit = 0
[engine]
runtime = "runc"
`

func confPath(stateDir string) (string, error) {
	return filepath.Abs(filepath.Join(stateDir, "containers.conf"))
}

func writeContainersConf(stateDir string) (string, error) {
	path, err := confPath(stateDir)
	if err != nil {
		return "", err
	}
	if old, rerr := os.ReadFile(path); rerr == nil && string(old) == containersConf {
		return path, nil
	}
	return path, writeFile(path, []byte(containersConf))
}

// writeFile replaces path in one step, so that no reader sees half of it.
func writeFile(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// memory is the choice of an earlier run. It holds what would make the choice doubtful when it changes: the
// boot, the command's file, the configuration.
type memory struct {
	Name, Version string
	Env           []string
	Fingerprint   string
}

func memoryPath(stateDir string) string { return filepath.Join(stateDir, "engine.json") }

// fingerprint is empty when it cannot be told, and then nothing is remembered.
func fingerprint(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	st, err := os.Stat(path)
	if err != nil {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // on other systems: no boot in it
	if err != nil {
		boot = nil
	}
	return strings.Join([]string{
		privileges(), path, fmt.Sprint(st.Size()), st.ModTime().UTC().Format(time.RFC3339Nano), strings.TrimSpace(string(boot)),
		os.Getenv("DOCKER_HOST"), os.Getenv("CONTAINER_HOST"), containersConf,
	}, "|")
}

// privileges are those that this process and what it starts can ever have: a choice made with more of them does not hold.
func privileges() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(status)) {
		if bounding, ok := strings.CutPrefix(line, "CapBnd:"); ok {
			return strings.TrimSpace(bounding)
		}
	}
	return ""
}

func remember(stateDir string, e *Engine) {
	fp := fingerprint(e.name)
	if fp == "" {
		return
	}
	b, err := json.Marshal(memory{e.name, e.Version, e.env, fp})
	if err != nil {
		return
	}
	_ = writeFile(memoryPath(stateDir), b) // without it the next run only takes a second longer
}

// recall returns the remembered engine if nothing it depends on has changed and it answers; else nil.
func recall(ctx context.Context, o Options) *Engine {
	b, err := os.ReadFile(memoryPath(o.StateDir))
	if err != nil {
		return nil
	}
	var m memory
	if json.Unmarshal(b, &m) != nil || (o.Force != "" && o.Force != m.Name) || m.Fingerprint == "" || m.Fingerprint != fingerprint(m.Name) {
		return nil
	}
	if conf, err := confPath(o.StateDir); err != nil || (len(m.Env) > 0 && !slices.Contains(m.Env, "CONTAINERS_CONF="+conf)) {
		return nil // the state directory was moved
	}
	e := New(m.Name, m.Env)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if stillAlive(ctx, e) != nil || e.Version != m.Version {
		return nil
	}
	return e
}
