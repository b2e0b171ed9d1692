package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// errNotFound means that the engine's command is not on PATH.
var errNotFound = errors.New("not on PATH")

// try runs one privileged container on the engine's default network and removes it. The container has those flags
// of kind's nodes that some engines refuse. It sets e.Version.
func try(ctx context.Context, e *Engine, budget time.Duration) error {
	if _, err := exec.LookPath(e.name); err != nil {
		return errNotFound
	}
	ctx, cancel := context.WithTimeoutCause(ctx, budget, fmt.Errorf("no answer within %s", budget))
	defer cancel()
	if err := alive(ctx, e); err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := writeProbeArchive(&archive); err != nil {
		return fmt.Errorf("build the probe image: %w", err)
	}
	if err := e.Load(ctx, &archive); err != nil {
		return err
	}
	container := fmt.Sprintf("meshproof-engine-probe-%d", os.Getpid())
	defer removeProbe(ctx, e, container)
	out, err := e.Output(ctx, "run", "--rm", "--name", container, "--privileged", "--tmpfs", "/run", "--cgroupns=private", probeImage())
	if err != nil {
		return err
	}
	if !strings.Contains(string(out), strings.TrimSpace(probeSays)) {
		return fmt.Errorf("%s run exited with code 0, but the container wrote %q instead of %q", e.name, firstBytes(out, 80), probeSays)
	}
	return nil
}

// removeProbe removes the image, and the container if it is still there. It has its own timeout because that of
// the attempt may be over.
func removeProbe(ctx context.Context, e *Engine, container string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = e.Run(ctx, "rm", "--force", container) // after a successful run it does not exist
	_ = e.Run(ctx, "rmi", "--force", probeImage())
}

// alive asks the engine for its version and checks kind's conditions. It creates nothing.
func alive(ctx context.Context, e *Engine) error {
	if e.name == Docker {
		return dockerAlive(ctx, e)
	}
	out, err := e.Output(ctx, "info", "--format",
		"{{.Version.Version}} {{.Host.Security.Rootless}} {{.Host.CgroupsVersion}} {{.Host.CgroupControllers}}")
	if err != nil {
		return err
	}
	f := strings.Fields(string(out))
	if len(f) < 3 {
		return fmt.Errorf("podman info wrote %q, expected version, rootless, cgroup version and controllers", firstBytes(out, 80))
	}
	e.Version = f[0]
	// kind's conditions (its validateProvider): a rootless node needs cgroup v2 with these three controllers delegated.
	if f[1] == "true" {
		if f[2] != "v2" {
			return errors.New("podman is rootless on a cgroup v1 host; rootless kind nodes need cgroup v2")
		}
		controllers := strings.Trim(strings.Join(f[3:], " "), "[]")
		for _, c := range []string{"cpu", "memory", "pids"} {
			if !strings.Contains(" "+controllers+" ", " "+c+" ") {
				return fmt.Errorf("podman is rootless and the cgroup controller %s is not delegated to it (delegated: %s)", c, controllers)
			}
		}
	}
	return nil
}

// stillAlive is for an engine that has passed alive before. podman version takes a fifth of the time of podman
// info, which reads the store.
func stillAlive(ctx context.Context, e *Engine) error {
	if e.name == Docker {
		return dockerAlive(ctx, e)
	}
	out, err := e.Output(ctx, "version", "--format", "{{.Client.Version}}")
	e.Version = strings.TrimSpace(string(out))
	return err
}

func dockerAlive(ctx context.Context, e *Engine) error {
	// The package podman-docker installs podman as "docker". kind's docker provider does not work with it.
	if out, err := e.Output(ctx, "--version"); err == nil && strings.Contains(strings.ToLower(string(out)), "podman") {
		return fmt.Errorf("the command docker is podman (%s)", strings.TrimSpace(firstBytes(out, 80)))
	}
	out, err := e.Output(ctx, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return err
	}
	e.Version = strings.TrimSpace(string(out))
	if e.Version == "" {
		return errors.New("docker version printed no server version")
	}
	return nil
}

func firstBytes(b []byte, n int) string {
	if len(b) > n {
		b = b[:n]
	}
	return string(b)
}

// hint is the remedy for a known error, or "".
func hint(err error) string {
	for _, h := range []struct{ message, remedy string }{
		{"Cannot connect to the Docker daemon", "start the docker daemon, or set DOCKER_HOST to one that runs"},
		{"permission denied while trying to connect", "run as root or as a member of the group docker"},
		{"unable to apply caps", "this host's bounding set lacks a capability that docker requests; install podman, which does not request it"},
		{"netavark: No such file", "install iptables, which podman's network program calls"},
		{"failed to find plugin", "install containernetworking-plugins"},
		{"rootless", "run as root, or see https://kind.sigs.k8s.io/docs/user/rootless/"},
		{"rlimit", "the engine requests higher limits than this host allows; set lower default_ulimits in the file that CONTAINERS_CONF names, or use podman"},
	} {
		if strings.Contains(err.Error(), h.message) {
			return h.remedy
		}
	}
	return ""
}
