package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/run/options"
	"meshproof.dev/meshproof/reports"
)

// checkout makes a checkout with our fixtures the working directory, in which an earlier run ended well.
func checkout(t *testing.T) (out string) {
	t.Helper()
	fixtures, err := filepath.Abs("../../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err = os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module meshproof.dev/meshproof\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err = os.Symlink(fixtures, filepath.Join(dir, "fixtures")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	out = filepath.Join(dir, "reports", "out")
	earlier(t, out)
	return out
}

// earlier is the result of a run that ended well.
func earlier(t *testing.T, out string) {
	t.Helper()
	dir, err := reports.NewDir(out, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err = os.WriteFile(filepath.Join(dir, "exit"), []byte("0 ok\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// remedy is how a sentence says what to do: it names the values that there are, or what to give, name, use or leave out.
var remedy = regexp.MustCompile("it must (be|not be) |one of |not one of |: there are |say which|[:;(,] ?(give|name|use|select|leave) |--help|: say ")

// What makes no sense ends with 64 and one sentence, and whoever reads the results finds it there, never an earlier run's.
func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	for args, says := range map[string]string{
		"run --seed -1":                      `invalid argument "-1" for "--seed" flag: it must be a number from 0 to`,
		"run --seed 1e3":                     `invalid argument "1e3" for "--seed" flag: it must be a number`,
		"run --nodes 0":                      `invalid argument "0" for "--nodes" flag: it must be a number from 1 to 20`,
		"run --nodes -2":                     `invalid argument "-2" for "--nodes" flag: it must be a number from 1 to 20`,
		"run --nodes abc":                    `invalid argument "abc" for "--nodes" flag: it must be a number from 1 to 20`,
		"run --pods -1":                      `invalid argument "-1" for "--pods" flag: it must be a number from 1 to 1000`,
		"run --pods 0":                       `invalid argument "0" for "--pods" flag: it must be a number from 1 to 1000`,
		"run --keep=maybe":                   `invalid argument "maybe" for "--keep" flag: it must be 1 or 0`,
		"run --otp abc":                      `invalid argument "abc" for "--otp" flag: it must be one of 25, 27, 29`,
		"run --k8s abc":                      `invalid argument "abc" for "--k8s" flag: it must be a version such as 1.37 or 1.37.2`,
		"run --scenarios recovry":            `invalid argument "recovry" for "--scenarios" flag: unknown scenario "recovry"; it must be one of formation, recovery`,
		"run --scenarios=":                   `invalid argument "" for "--scenarios" flag: no scenario is named`,
		"run --file=":                        `invalid argument "" for "-f, --file" flag: no profile is named`,
		"run --context=":                     `invalid argument "" for "--context" flag: it must not be empty`,
		"run --loud":                         "unknown flag: --loud: `meshproof run --help` lists the flags",
		"run --context":                      "flag needs an argument: --context: `meshproof run --help` lists the flags",
		"run dns-z":                          `no profile "dns-z"`,
		"run -f dns-a dns-srv":               "profiles are named twice: dns-a by --file, and dns-srv as arguments; use one of the two",
		"run --kubeconfig k":                 "kubeconfig (k) has no effect without context",
		"run --context prod --nodes 3":       "nodes (3) has no effect with context (prod)",
		"run --context prod --k8s 1.37":      "k8s (1.37) has no effect with context (prod)",
		"run --context prod --keep":          "keep (true) has no effect with context (prod)",
		"ENGINE=foo run":                     `invalid value "foo" for ENGINE: it must be docker or podman`,
		"INSTALL=foo run":                    `invalid value "foo" for INSTALL: it must be 1 or 0`,
		"ENGINE=foo kill-matrix":             `invalid value "foo" for ENGINE`,
		"kill-matrix --seed -1":              `for "--seed" flag: it must be a number from 0 to`,
		"kill-matrix no-such":                `no mutant "no-such": there are `,
		"kill-matrix --file dns-a":           "unknown flag: --file",
		"kill-matrix --context p --nodes 3":  "nodes (3) has no effect with context (p)",
		"kill-matrix --kubeconfig k dns-typ": "kubeconfig (k) has no effect without context",
	} {
		t.Run(args, func(t *testing.T) {
			out := checkout(t)
			t.Setenv("ENGINE", "")
			t.Setenv("INSTALL", "")
			var words []string
			for _, a := range strings.Fields(args) {
				if name, value, is := strings.Cut(a, "="); is && strings.ToUpper(name) == name && name[0] != '-' {
					t.Setenv(name, value)
				} else {
					words = append(words, a)
				}
			}
			_, code, err := meshproof(t, words...)
			exit, _ := os.ReadFile(filepath.Join(out, "latest", "exit"))
			var r reports.Run
			data, rerr := os.ReadFile(filepath.Join(out, "latest", "report.json"))
			if rerr == nil {
				rerr = json.Unmarshal(data, &r)
			}
			if code != exitcode.Usage || string(exit) != "64 usage\n" || rerr != nil || !strings.Contains(r.Trouble, says) || strings.Contains(r.Trouble, "\n") || !remedy.MatchString(r.Trouble) {
				t.Errorf("exit code %d, %v; exit file %q, trouble %q, %v; want\n%s", code, err, exit, r.Trouble, rerr, says)
			}
			if err != nil && err.Error() != r.Trouble {
				t.Errorf("stderr says %q, the report %q", err, r.Trouble)
			}
		})
	}
}

// Commands without results say it on stderr only.
func TestUnknownCommandsAreRefused(t *testing.T) {
	for args, says := range map[string]string{
		"frobnicate":                             `unknown command "frobnicate" for "meshproof": it must be one of checks, cluster, completion, diff, explain, init, inspect, judge, kill-matrix, lint, run, schema, version`,
		"cluster frobnicate":                     `unknown command "frobnicate" for "meshproof cluster": it must be one of clean`,
		"--loud":                                 "unknown flag: --loud",
		"cluster clean now":                      `unexpected argument "now": meshproof cluster clean accepts at most 0 arg(s); ` + "`meshproof cluster clean --help` has examples",
		"schema x":                               `unexpected argument "x": meshproof schema accepts at most 0 arg(s)`,
		"lint a b":                               `unexpected argument "b": meshproof lint accepts at most 1 arg(s)`,
		"lint -o xml dns-a":                      "-o xml is not known: use text, json, github, sarif, junit",
		"checks -o xml":                          "-o xml is not known: use json, markdown",
		"judge":                                  "requires at least 1 arg(s)",
		"init --context x":                       "--context and --kubeconfig are for a namespace",
		"inspect shop":                           `"shop" names no workload: use deploy/NAME, sts/NAME`,
		"inspect a/b/c":                          `"a/b/c" names no workload`,
		"inspect a b":                            `unexpected argument "b"`,
		"inspect -o xml":                         "-o xml is not known: use json, html, junit",
		"inspect --loud":                         "unknown flag: --loud",
		"inspect -l a=b deploy/shop":             "deploy/shop and -l a=b both say what to inspect: leave out one of the two",
		"inspect --cookie-from swordfish":        "--cookie-from names no place: it must be one of",
		"inspect -l !":                           "-l ! is no label selector",
		"inspect --print-rbac -o json":           "--print-rbac prints YAML, and -o json a report: leave out one of the two",
		"inspect -n prod --save refused_test.go": "refused_test.go exists and is not overwritten: name another file",
		"version -o yaml":                        "-o yaml is not known: use json",
	} {
		_, code, err := meshproof(t, strings.Fields(args)...)
		if code != exitcode.Usage || err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") || !remedy.MatchString(err.Error()) {
			t.Errorf("%s: exit code %d, %v; want\n%s", args, code, err, says)
		}
	}
	for _, args := range []string{"", "cluster", "help run"} {
		if out, code, err := meshproof(t, strings.Fields(args)...); code != exitcode.OK || err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%q: exit code %d, %v\n%s", args, code, err, out)
		}
	}
}

// A bug of ours outside of the run itself is 70, and has a report, too.
func TestAPanicInACommand(t *testing.T) {
	out := checkout(t)
	var code int
	err := reported(&options.Values{}, new(format), &code, func(*cobra.Command, []string) (*outcome, error) { panic("no table") })(&cobra.Command{}, nil)
	exit, _ := os.ReadFile(filepath.Join(out, "latest", "exit"))
	report, _ := os.ReadFile(filepath.Join(out, "latest", "report.json"))
	if err != nil || code != exitcode.Internal || string(exit) != "70 internal\n" || !strings.Contains(string(report), "a bug of ours: no table") {
		t.Errorf("exit code %d, %v; exit file %q\n%s", code, err, exit, report)
	}
}
