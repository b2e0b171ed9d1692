package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// cannotInstall is the reason why packages cannot be installed on this machine, or "".
func cannotInstall() string {
	if os.Geteuid() != 0 {
		return "not root, so nothing was installed"
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "no apt-get on PATH, so nothing was installed"
	}
	b, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "no /etc/os-release, so nothing was installed"
	}
	if !isDebian(string(b)) {
		return "/etc/os-release names neither Debian nor Ubuntu, so nothing was installed"
	}
	return ""
}

// isDebian reports whether ID or ID_LIKE of os-release(5) is Debian or Ubuntu.
func isDebian(osRelease string) bool {
	for _, line := range strings.Split(osRelease, "\n") {
		key, val, ok := strings.Cut(line, "=")
		if !ok || (key != "ID" && key != "ID_LIKE") {
			continue
		}
		for _, id := range strings.Fields(strings.Trim(val, `"'`)) {
			if id == "debian" || id == "ubuntu" {
				return true
			}
		}
	}
	return false
}

// aptInstall installs packages without asking questions. It waits for another running apt. If the installation
// fails, it updates the package lists and tries once more.
func aptInstall(ctx context.Context, packages []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, fmt.Errorf("apt-get did not finish within 10m0s"))
	defer cancel()
	args := append([]string{"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}, packages...)
	if apt(ctx, args...) == nil {
		return nil
	}
	if err := apt(ctx, "update"); err != nil {
		return err
	}
	return apt(ctx, args...)
}

func apt(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "apt-get", args...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	c.Cancel = func() error { return c.Process.Signal(terminate) } // killing dpkg would leave packages half-installed
	c.WaitDelay = 30 * time.Second
	tail := &tailWriter{limit: 1024}
	c.Stdout, c.Stderr = tail, tail
	if err := c.Run(); err != nil {
		return commandError(ctx, "apt-get", args[:1], err, tail.String())
	}
	return nil
}
