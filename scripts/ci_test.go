package scripts

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What .ci/run lacks it installs with apt, unless INSTALL=0 forbids it. The machine here has no browser; make fails, which ends it.
func TestCIInstallsOnlyWhereItMay(t *testing.T) {
	for name, c := range map[string]struct {
		env      []string
		installs bool
		says     string
	}{
		"usually":          {nil, true, "packages: installing chromium with apt"},
		"INSTALL=1":        {[]string{"INSTALL=1"}, true, "packages: installing chromium with apt"},
		"INSTALL=0":        {[]string{"INSTALL=0"}, false, "packages: chromium not installed (INSTALL=0 forbids it); tests that need it are skipped\n"},
		"INSTALL=no in CI": {[]string{"INSTALL=no", "CI=true"}, false, "tests that need it are skipped, and those of a browser fail\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			called := filepath.Join(dir, "called")
			for program, text := range map[string]string{"id": "echo 0", "erl": "exit 0", "make": "exit 2", "apt-get": "echo \"$*\" >> " + called} {
				if err := os.WriteFile(filepath.Join(dir, program), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, program := range []string{"awk", "basename", "bash", "cat", "date", "df", "dirname", "env", "grep", "mktemp", "rm", "sh", "sleep", "tail", "timeout", "tr", "wc", "xargs"} {
				path, err := exec.LookPath(program)
				if err != nil {
					t.Fatal(err)
				}
				if err = os.Symlink(path, filepath.Join(dir, program)); err != nil {
					t.Fatal(err)
				}
			}
			// A copy: it removes what the last run in its checkout left.
			fixtures, err := filepath.Abs("../fixtures")
			if err != nil {
				t.Fatal(err)
			}
			script, err := os.ReadFile("../.ci/run")
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(dir, ".ci/run")
			if err = errors.Join(os.Symlink(fixtures, filepath.Join(dir, "fixtures")), os.Mkdir(filepath.Dir(copied), 0o755), os.WriteFile(copied, script, 0o755)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("bash", copied)
			cmd.Env = append([]string{"PATH=" + dir, "HOME=" + dir, "TMPDIR=" + dir}, c.env...)
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "FAILED: make 2") {
				t.Fatalf("%v: %s", err, out)
			}
			if _, err = os.Stat(called); (err == nil) != c.installs || !strings.Contains(string(out), c.says) {
				t.Errorf("apt-get was called: %v; said %q", err == nil, out)
			}
		})
	}
}
