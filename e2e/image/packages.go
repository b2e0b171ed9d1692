package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// havePackages sees to the Debian packages that a builder needs. What is missing is installed with apt-get where
// that is allowed and possible, and said before; else the error says what to install and carries code 69.
func (m *Maker) havePackages(ctx context.Context, what string, packages []string) error {
	missing, err := missingPackages(ctx, packages)
	if err != nil {
		return exitcode.With(exitcode.Unavailable, fmt.Errorf(
			"%s needs a Debian or Ubuntu to take packages from (%w); or give this machine access to an image registry", what, err))
	}
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if !m.Install || os.Geteuid() != 0 {
		why := "installing is forbidden by INSTALL=0"
		if m.Install {
			why = "not root"
		}
		return exitcode.With(exitcode.Unavailable, fmt.Errorf("%s needs packages that are missing here (%s): apt-get install %s", what, why, list))
	}
	// One at a time: the other builder may need the same packages.
	lock, err := m.lock(ctx, "apt", "another run is installing packages")
	if err != nil {
		return err
	}
	defer lock.Close()
	if missing, err = missingPackages(ctx, packages); err != nil || len(missing) == 0 {
		return err
	}
	m.log(fmt.Sprintf("%s needs packages; installing with apt-get: %s (INSTALL=0 forbids it)", what, strings.Join(missing, " ")))
	args := append([]string{"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}, missing...)
	first := m.apt(ctx, args...)
	if first == nil || ctx.Err() != nil {
		return first
	}
	err = m.apt(ctx, "update") // the lists may be empty or old
	if err == nil {
		err = m.apt(ctx, args...)
	}
	if err != nil && ctx.Err() == nil {
		err = exitcode.With(exitcode.Unavailable, fmt.Errorf("%s needs packages that could not be installed: %w", what, err))
	}
	return err
}

func (m *Maker) apt(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "apt-get", args...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	// dpkg must not be killed half-way.
	return m.run(ctx, step{what: "apt-get " + args[0], cmd: c, grace: time.Minute})
}

// missingPackages asks dpkg which of the packages are not installed.
func missingPackages(ctx context.Context, packages []string) ([]string, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	c := exec.CommandContext(ctx, "dpkg-query", append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, packages...)...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.Output() // its exit code is 1 when it does not know one of them
	if len(out) == 0 && err != nil {
		if _, look := exec.LookPath("dpkg-query"); look != nil {
			return nil, look
		}
	}
	have := map[string]bool{}
	for _, line := range strings.Split(string(out), "\n") {
		if name, status, ok := strings.Cut(line, " "); ok && status == "installed" {
			have[name] = true
		}
	}
	var missing []string
	for _, p := range packages {
		if !have[p] {
			missing = append(missing, p)
		}
	}
	return missing, ctx.Err()
}
