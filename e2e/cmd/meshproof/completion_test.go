package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// asked asks as a shell's script does. cobra prints one word a line, and then what the shell is to do beside.
func asked(t *testing.T, args ...string) (words []string, directive string) {
	t.Helper()
	out, code, err := meshproof(t, append([]string{"__complete"}, args...)...)
	if err != nil || code != exitcode.OK {
		t.Fatalf("%v: %d, %v", args, code, err)
	}
	words = strings.Split(strings.TrimSpace(out), "\n")
	return words[:len(words)-1], words[len(words)-1]
}

func TestCompletion(t *testing.T) {
	checkout(t)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	const config = "apiVersion: v1\nkind: Config\ncontexts:\n- {name: prod, context: {cluster: p}}\n- {name: dev, context: {cluster: d}}\n"
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	const words, files, recordings = ":4", ":0", ":8" // only the words; files, too; files with that ending
	for args, want := range map[string]struct {
		some      []string
		directive string
	}{
		"run dns-":                      {[]string{"dns-a", "dns-srv"}, files},
		"run -f chain,dns-":             {[]string{"chain,dns-a", "chain,dns-srv"}, files},
		"lint dns-":                     {[]string{"dns-a", "dns-srv"}, files},
		"kill-matrix tls-":              {[]string{"tls-ended", "tls-wildcard"}, words},
		"run --scenarios re":            {[]string{"recovery"}, words},
		"run --scenarios recovery,c":    {[]string{"recovery,console", "recovery,container-kill"}, words},
		"run --otp 2":                   {[]string{"25", "27", "29"}, words},
		"run --k8s 1.":                  {[]string{"1.37.2"}, words},
		"checks -o ":                    {[]string{"json", "markdown"}, words},
		"version -o ":                   {[]string{"json"}, words},
		"judge ":                        {[]string{"jsonl"}, recordings},
		"run --context ":                {nil, words},
		"run --kubeconfig K --context ": {[]string{"dev", "prod"}, words},
		"cluster clean --kubeconfig K --context p": {[]string{"prod"}, words},
		"ver": {[]string{"version\tprint the versions of this program, of what it uses by default, and of its recordings"}, words},
	} {
		line := strings.Split(strings.Replace(args, "K", kubeconfig, 1), " ")
		got, directive := asked(t, line...)
		for _, w := range want.some {
			if !slices.Contains(got, w) {
				t.Errorf("%s: %q is not in %q", args, w, got)
			}
		}
		if directive != want.directive || want.some == nil && len(got) > 0 {
			t.Errorf("%s: %q %s, want %s", args, got, directive, want.directive)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		file := filepath.Join(t.TempDir(), shell)
		to, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		before := os.Stdout
		os.Stdout = to // cobra looks there before a test can say another place
		_, code, err := meshproof(t, "completion", shell)
		os.Stdout = before
		_ = to.Close()
		out, rerr := os.ReadFile(file)
		if err != nil || code != exitcode.OK || rerr != nil || !strings.Contains(string(out), "__complete") || !strings.Contains(string(out), "meshproof") {
			t.Errorf("%s: %d, %v, %v, %d bytes", shell, code, err, rerr, len(out))
		}
	}
	if _, code, err := meshproof(t, "completion", "tcsh"); code != exitcode.Usage || err == nil || !strings.Contains(err.Error(), "must be one of bash, fish, powershell, zsh") {
		t.Errorf("tcsh: %d, %v", code, err)
	}
}

// krew installs the program as kubectl-meshproof; then its help says what the user types.
func TestTheNameInHelp(t *testing.T) {
	for arg, want := range map[string]string{"/usr/bin/meshproof": "meshproof run [PROFILE", "/home/u/.krew/bin/kubectl-meshproof": "kubectl meshproof run [PROFILE", "kubectl-meshproof.test": "kubectl meshproof run"} {
		before := os.Args
		os.Args = []string{arg}
		out, _, err := meshproof(t, "run", "--help")
		os.Args = before
		if err != nil || !strings.Contains(out, "\n  "+want) {
			t.Errorf("%s: %v\n%s", arg, err, out)
		}
	}
}
