package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// The profile that init writes for a profile of ours is taken by lint, and says the same.
func TestInitIsTakenByLint(t *testing.T) {
	at := filepath.Join(t.TempDir(), "derl.yaml")
	if _, code, err := meshproof(t, "init", "../../../fixtures/profiles/dns-srv", "-o", at); err != nil {
		t.Fatalf("%v (%d)", err, code)
	}
	text, rerr := os.ReadFile(at)
	if rerr != nil || strings.Count(string(text), "\n") > 10 {
		t.Errorf("%v\n%s", rerr, text)
	}
	if out, code, err := meshproof(t, "lint", "-v", at); err != nil || code != exitcode.OK || !strings.Contains(out, "StatefulSet derl, 3 replicas") {
		t.Errorf("%v (%d)\n%s", err, code, out)
	}
	// Nothing is written over, and it may as well be printed.
	_, code, err := meshproof(t, "init", "../../../fixtures/profiles/dns-a", "-o", at)
	again, _ := os.ReadFile(at)
	if code != exitcode.Usage || err == nil || !strings.Contains(err.Error(), "exists and is not overwritten") || string(again) != string(text) {
		t.Errorf("%v (%d)\n%s", err, code, again)
	}
	if out, _, err := meshproof(t, "init", "../../../fixtures/profiles/dns-a"); err != nil || !strings.HasPrefix(out, "apiVersion: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestInitOfWhatACommandPrints(t *testing.T) {
	dir, err := filepath.Abs("../../../fixtures/profiles/dns-srv")
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "derl.yaml")
	if _, code, err := meshproof(t, "init", "-o", at, "--", "sh", "-c", "for f in statefulset service secret; do cat \"$0\"/$f.yaml; echo ---; done", dir); err != nil {
		t.Fatalf("%v (%d)", err, code)
	}
	if out, code, err := meshproof(t, "lint", "-v", at); err != nil || code != exitcode.OK || !strings.Contains(out, "StatefulSet derl, 3 replicas") {
		t.Errorf("%v (%d)\n%s", err, code, out)
	}
}

func TestInitRefusesWhatItCannotMean(t *testing.T) {
	for says, args := range map[string][]string{
		"no such file or folder":                        {"nowhere"},
		"give a namespace or manifests, not both":       {"-n", "prod", "deploy"},
		"accepts at most 1 arg(s)":                      {"deploy", "--", "helm"},
		`the command "no-such-program x" cannot be run`: {"--", "no-such-program", "x"},
		"say where with -o":                             {"-n", "prod"},
		"say which one with -n NAMESPACE":               {"--context", "kind", "deploy"},
	} {
		if out, code, err := meshproof(t, append([]string{"init"}, args...)...); code != exitcode.Usage || err == nil || !strings.Contains(err.Error(), says) || out != "" {
			t.Errorf("init %v: %v (%d) %q", args, err, code, out)
		}
	}
	empty := filepath.Join(t.TempDir(), "kubeconfig")
	_, code, err := meshproof(t, "init", "-n", "prod", "--kubeconfig", empty, "-o", filepath.Join(t.TempDir(), "p.yaml"))
	if code != exitcode.Unavailable || err == nil {
		t.Errorf("without a cluster: %v (%d)", err, code)
	}
}
