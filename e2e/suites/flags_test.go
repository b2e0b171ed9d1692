package suites

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/run/options"
)

func TestTheSuiteHasTheFlagsOfTheDeclaration(t *testing.T) {
	for _, o := range options.All() {
		if o.Suite == "" {
			continue
		}
		f := flag.Lookup(o.Suite)
		if f == nil || f.Usage != o.Help || f.DefValue != o.Default {
			t.Errorf("-%s: %+v", o.Suite, f)
		}
	}
}

// This binary, started as make e2e starts it, refuses what makes no sense before anything is made.
func TestTheSuiteRefusesFlags(t *testing.T) {
	if current != nil {
		t.Skip("this process is the end-to-end suite itself")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		`usage: invalid value "99" for flag -nodes: it must be a number from 1 to 20`:                                   {"-nodes", "99"},
		`usage: invalid value "" for flag -profile: no profile is named: there is nothing to deploy; name at least one`: {"-profile", ""},
		`usage: invalid boolean value "maybe" for -keep: it must be 1 or 0`:                                             {"-keep=maybe"},
		"usage: flag provided but not defined: -pods":                                                                   {"-pods", "7"},
		`usage: unexpected argument "dns-a": every option is a flag`:                                                    {"dns-a"},
	} {
		cmd := exec.CommandContext(t.Context(), self, args...)
		cmd.Dir = t.TempDir() // there is no checkout whose results it could replace
		cmd.Env = append(os.Environ(), "MESHPROOF_E2E=1")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitcode.Usage || !strings.HasSuffix(string(out), "\n0 passed, 1 failed, 0 skipped\n"+says+"\n") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
}

func TestProfilesOfMakeHaveSpacesBetween(t *testing.T) {
	if got := strings.Join(names([]string{"dns-a dns-srv", "tls"}), "|"); got != "dns-a|dns-srv|tls" {
		t.Error(got)
	}
}
