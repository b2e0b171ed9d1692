package keeper

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// shimPodman lets kind run podman on a host without /lib/modules. kind mounts that directory into each node; docker creates it if
// it is missing, podman fails, and an empty one is enough. Creating it would change the machine (and needs root), and kind has no
// option for it. So only this process has a "podman" in its PATH that uses an empty directory of ours instead, and otherwise runs
// podman.
func shimPodman(stateDir, modulesDir string) error {
	podman, err := exec.LookPath("podman")
	if err != nil {
		return err
	}
	if podman, err = filepath.Abs(podman); err != nil {
		return err
	}
	bin, err := filepath.Abs(filepath.Join(stateDir, "bin"))
	if err != nil {
		return err
	}
	if strings.HasPrefix(podman, bin+string(filepath.Separator)) {
		return fmt.Errorf("%s is in PATH already", bin)
	}
	for _, d := range []string{bin, modulesDir} {
		if err = os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	script := fmt.Sprintf(`#!/bin/sh
# podman for kind on a host without /lib/modules: an empty directory takes its place.
for arg do
  shift
  case $arg in /lib/modules:/lib/modules:ro) arg=%s:/lib/modules:ro ;; esac
  set -- "$@" "$arg"
done
exec %s "$@"
`, quote(modulesDir), quote(podman))
	path := filepath.Join(bin, "podman")
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err = os.WriteFile(tmp, []byte(script), 0o755); err != nil {
		return err
	}
	if err = os.Rename(tmp, path); err != nil {
		return err
	}
	return os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
