package suites

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/reports"
)

// What makes no sense ends the suite, too, with 64 and one sentence, in the results as on the console, where an earlier run's were.
func TestTheSuiteRefusesWhatMakesNoSense(t *testing.T) {
	if current != nil {
		t.Skip("this process is the end-to-end suite itself")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	fixtures, err := filepath.Abs("../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	for args, says := range map[string]string{
		"-seed -1":                  `invalid value "-1" for flag -seed: it must be a number from 0 to 9223372036854775807`,
		"-nodes 0":                  `invalid value "0" for flag -nodes: it must be a number from 1 to 20`,
		"-nodes -2":                 `invalid value "-2" for flag -nodes: it must be a number from 1 to 20`,
		"-nodes abc":                `invalid value "abc" for flag -nodes: it must be a number from 1 to 20`,
		"-keep=maybe":               `invalid boolean value "maybe" for -keep: it must be 1 or 0`,
		"-otp abc":                  `invalid value "abc" for flag -otp: it must be one of 25, 27, 29`,
		"-k8s abc":                  `invalid value "abc" for flag -k8s: it must be a version such as 1.37 or 1.37.2`,
		"-scenarios recovry":        `invalid value "recovry" for flag -scenarios: unknown scenario "recovry"; it must be one of formation,`,
		"-context=":                 `invalid value "" for flag -context: it must not be empty; leave it out to make a cluster`,
		"-profile=,":                `invalid value "," for flag -profile: no profile is named: there is nothing to deploy`,
		"-profile dns-z":            `no profile "dns-z": it is not a file, not a folder with a profile.yaml, and not one of `,
		"-loud":                     `flag provided but not defined: -loud`,
		"dns-a":                     `unexpected argument "dns-a": every option is a flag`,
		"-kubeconfig k":             `kubeconfig (k) has no effect without context: say which context of it to use`,
		"-context prod -nodes 3":    `nodes (3) has no effect with context (prod): that cluster exists already, and none is made`,
		"-context prod -keep":       `keep (true) has no effect with context (prod): that cluster exists already, and none is made`,
		"ENGINE=foo":                `invalid value "foo" for ENGINE: it must be docker or podman`,
		"INSTALL=foo":               `invalid value "foo" for INSTALL: it must be 1 or 0`,
		"-ginkgo.focus ((":          `invalid value "((" for -ginkgo.focus or -ginkgo.skip: `,
		"-ginkgo.label-filter ((":   `invalid value "((" for -ginkgo.label-filter: `,
		"-ginkgo.label-filter nope": `no check is selected by these filters`,
	} {
		t.Run(args, func(t *testing.T) {
			dir := t.TempDir()
			out := filepath.Join(dir, "reports", "out")
			old, err := reports.NewDir(out, time.Now())
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module meshproof.dev/meshproof\n"), 0o600),
				os.Symlink(fixtures, filepath.Join(dir, "fixtures")), os.WriteFile(filepath.Join(old, "exit"), []byte("0 ok\n"), 0o600))
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), self)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "MESHPROOF_E2E=1", "ENGINE=", "INSTALL=")
			for _, a := range strings.Fields(args) {
				if name, _, is := strings.Cut(a, "="); is && name[0] != '-' {
					cmd.Env = append(cmd.Env, a)
				} else {
					cmd.Args = append(cmd.Args, a)
				}
			}
			said, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitcode.Usage {
				t.Fatalf("%v\n%s", err, said)
			}
			code, _ := os.ReadFile(filepath.Join(out, "latest", "exit"))
			var r reports.Run
			data, err := os.ReadFile(filepath.Join(out, "latest", "report.json"))
			if err == nil {
				err = json.Unmarshal(data, &r)
			}
			if err != nil || string(code) != "64 usage\n" || !strings.HasPrefix(r.Trouble, says) || strings.Contains(r.Trouble, "\n") {
				t.Errorf("exit file %q, trouble %q, %v", code, r.Trouble, err)
			}
			if !strings.HasSuffix(string(said), "\n0 passed, 1 failed, 0 skipped\nusage: "+r.Trouble+"\n") {
				t.Errorf("the console says\n%s", said)
			}
		})
	}
}
