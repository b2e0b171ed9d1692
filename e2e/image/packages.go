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

// ensurePackages makes sure that the Debian packages of a builder are installed. It installs missing ones with apt-get, after a
// message, if that is allowed and possible. Otherwise the error names the packages and has exit code 69.
func (m *Maker) ensurePackages(ctx context.Context, what string, packages []string) error {
	missing, err := missingPackages(ctx, packages)
	if err != nil {
		return exitcode.With(exitcode.Unavailable, fmt.Errorf(
			"%s needs packages of Debian or Ubuntu, and this system has no dpkg (%w); use such a system, or give this machine access to an image registry", what, err))
	}
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if !m.Install || os.Geteuid() != 0 {
		why := "INSTALL=0 forbids to install them"
		if m.Install {
			why = "not root, so they were not installed"
		}
		return exitcode.With(exitcode.Unavailable, fmt.Errorf("%s needs packages that are not installed (%s); install them with: apt-get install %s", what, why, list))
	}
	// Another builder may install the same packages at the same time.
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
	// The long grace period lets dpkg finish: killed, it would leave packages half-installed.
	return m.run(ctx, step{what: "apt-get " + args[0], cmd: c, grace: time.Minute})
}

// missingPackages asks dpkg which of the packages are not installed.
func missingPackages(ctx context.Context, packages []string) ([]string, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	c := exec.CommandContext(ctx, "dpkg-query", append([]string{"-W", "-f", "${Package} ${db:Status-Status}\n"}, packages...)...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	out, err := c.Output() // its exit code is 1 if a package is unknown
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
