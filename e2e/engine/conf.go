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

// containersConf has the settings that podman needs on a nested or hardened host (containers.conf(5)):
//   - podman's default limits are higher than such a host allows, and setting them fails;
//   - podman's default of 2048 processes per container kills a node with 50 BEAM pods;
//   - crun refuses a host with cgroup v1 and v2 mounted side by side, runc does not.
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

// writeFile replaces path atomically.
func writeFile(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// memory is the engine that an earlier run found. Its fingerprint changes with anything that could make that
// engine fail now: a reboot, another binary, another configuration.
type memory struct {
	Name, Version string
	Env           []string
	Fingerprint   string
}

func memoryPath(stateDir string) string { return filepath.Join(stateDir, "engine.json") }

// where are the variables of this process that say which engine of that name is meant. They are kept with all that is made in it:
// whoever removes it later may have others, or none. docker(1), section Environment variables; podman(1), likewise.
func where(name string) []string {
	variables := map[string][]string{
		Docker: {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG"},
		Podman: {"CONTAINER_HOST", "CONTAINER_CONNECTION", "CONTAINER_SSHKEY"},
	}
	var env []string
	for _, v := range variables[name] {
		if value := os.Getenv(v); value != "" {
			env = append(env, v+"="+value)
		}
	}
	return env
}

// fingerprint is "" if it cannot be read; then no engine is remembered.
func fingerprint(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	st, err := os.Stat(path)
	if err != nil {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // Linux only
	if err != nil {
		boot = nil
	}
	return strings.Join([]string{
		privileges(), path, fmt.Sprint(st.Size()), st.ModTime().UTC().Format(time.RFC3339Nano), strings.TrimSpace(string(boot)),
		strings.Join(where(name), " "), containersConf,
	}, "|")
}

// privileges is the capability bounding set of this process and its children. An engine that worked with more
// capabilities may fail with fewer.
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
	_ = writeFile(memoryPath(stateDir), b) // without this file the next run takes a second longer
}

// recall returns the remembered engine if its fingerprint is the same and it answers; else nil.
func recall(ctx context.Context, o Options) *Engine {
	b, err := os.ReadFile(memoryPath(o.StateDir))
	if err != nil {
		return nil
	}
	var m memory
	if json.Unmarshal(b, &m) != nil || (o.Force != "" && o.Force != m.Name) || m.Fingerprint == "" || m.Fingerprint != fingerprint(m.Name) {
		return nil
	}
	conf, err := confPath(o.StateDir)
	if err != nil || slices.ContainsFunc(m.Env, func(v string) bool { return strings.HasPrefix(v, "CONTAINERS_CONF=") && v != "CONTAINERS_CONF="+conf }) {
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
