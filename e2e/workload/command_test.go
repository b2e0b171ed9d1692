package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// A profile's command is run where somebody is told so before, and nowhere else.
func TestACommandIsRunOnlyWhereItIsAnnounced(t *testing.T) {
	dir := tree(t, map[string]string{
		"profile.yaml": strings.Replace(profileText, "manifests: [m.yaml]", `command: [sh, -c, "touch ran; cat m.txt"]`, 1),
		"m.txt":        secretText + "---\n" + deployment("x", "app: x"),
	})
	at, ran := filepath.Join(dir, "profile.yaml"), filepath.Join(dir, "ran")
	_, err := Loader{}.Load(t.Context(), dir)
	if _, there := os.Stat(ran); there == nil || err == nil || exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "was not run, because a folder may come from anybody; to run it, name the profile itself: "+at) {
		t.Errorf("not announced: %v", err)
	}
	if _, err = Load("", at); err == nil {
		t.Error("it was run for somebody who is not told")
	}
	text, err := os.ReadFile(filepath.Join(dir, "m.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = (Loader{Printed: text}).Load(t.Context(), dir); err != nil {
		t.Errorf("with what it prints: %v", err)
	}
	if _, there := os.Stat(ran); there == nil {
		t.Error("it was run")
	}
	var said []string
	if _, err = (Loader{Announce: func(line string) {
		if _, there := os.Stat(ran); there == nil {
			t.Error("it was run before it was announced")
		}
		said = append(said, line)
	}}).Load(t.Context(), at); err != nil {
		t.Error(err)
	}
	if want := "running: sh -c touch ran; cat m.txt (from " + at + ":5)"; len(said) != 1 || said[0] != want {
		t.Errorf("said %q, want %q", said, want)
	}
	if _, there := os.Stat(ran); there != nil {
		t.Error("it was not run")
	}
	if got := plain("a\nb\x1b[2J"); strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("an announcement may write over itself: %q", got)
	}
}

// In CI the environment holds tokens: a command gets what it needs to be found and to find its own files.
func TestACommandGetsASmallEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"GITHUB_TOKEN": "no-1", "AWS_SECRET_ACCESS_KEY": "no-2", "KUBECONFIG": "no-3", "HELM_KUBETOKEN": "no-4", "HTTPS_PROXY": "http://u:no-5@p", "PATHS": "no-6", "MY_PATH": "no-7",
		"HELM_CACHE_HOME": "/yes-1", "XDG_CONFIG_HOME": "/yes-2", "LC_ALL": "C", "TMPDIR": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	out, err := Output(t.Context(), t.TempDir(), []string{"env"}, commandLimit)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "HELM_CACHE_HOME=/yes-1", "XDG_CONFIG_HOME=/yes-2", "LC_ALL=C", "TMPDIR="} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "no-") {
		t.Errorf("it gets\n%s", out)
	}
	if few := Environment([]string{"SECRET=x"}); few == nil || len(few) != 0 {
		t.Errorf("%#v is not an empty environment", few)
	}
}

// A name is one of the fixtures, and of nothing that happens to lie in the current folder.
func TestANameNeedsFixtures(t *testing.T) {
	t.Chdir(tree(t, map[string]string{"profiles/dns-a/profile.yaml": profileText, "mine.yaml": profileText}))
	if path, err := locate("", "dns-a"); err == nil {
		t.Errorf("dns-a is %s", path)
	}
	for name, want := range map[string]bool{"mine.yaml": true, "profiles/dns-a/profile.yaml": true, "profiles/dns-a": false, "dns-a": false} {
		if got := (Loader{}).IsFile(name); got != want {
			t.Errorf("%s is a file: %t", name, got)
		}
	}
}
