package gke

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stub writes its name and arguments to the file CALLS. It answers what gke.sh asks; LEFT is the beginning of a gcloud command that
// finds something, BROKEN of one that fails.
const stub = `#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
case "$*" in
*"output -raw location") echo europe-west4-b ;;
*"output -raw registry") echo REGISTRY/my-project/meshproof ;;
${BROKEN:-none}*) exit 1 ;;
${LEFT:-none}*) echo left-behind ;;
esac
`

// machine is a PATH with stubs of what gke.sh calls, and a cache directory of its own.
type machine struct {
	t   *testing.T
	dir string
	env []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir()}
	bin := filepath.Join(m.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"terraform", "gcloud", "gke-gcloud-auth-plugin", "meshproof", "push"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(stub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "CALLS="+filepath.Join(m.dir, "calls"), "XDG_CACHE_HOME="+m.dir,
		"MESHPROOF="+filepath.Join(bin, "meshproof"), "PUSH="+filepath.Join(bin, "push"), "PROJECT=my-project", "REGION=", "AUTOPILOT=", "YES=", "NODES=", "PROFILE=", "ACCEPT_UNSEEN=", "MAKEFLAGS=", "MAKELEVEL=")
	return m
}

// run runs gke.sh. It returns what was called and what the user read.
func (m *machine) run(command string, env ...string) (calls []string, said string, err error) {
	m.t.Helper()
	c := exec.Command("./gke.sh", command)
	c.Env = slices.Concat(m.env, env)
	return m.wait(c)
}

// make runs a target of the Makefile, with variables as a user gives them.
func (m *machine) make(target string, variables ...string) (calls []string, said string, err error) {
	m.t.Helper()
	c := exec.Command("make", append([]string{"-C", "../..", target}, variables...)...)
	c.Env = m.env
	return m.wait(c)
}

func (m *machine) wait(c *exec.Cmd) (calls []string, said string, err error) {
	m.t.Helper()
	_ = os.Remove(filepath.Join(m.dir, "calls"))
	out, err := c.CombinedOutput()
	b, _ := os.ReadFile(filepath.Join(m.dir, "calls"))
	return strings.Split(strings.TrimSpace(string(b)), "\n"), string(out), err
}

func find(lines []string, prefix string) string {
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
	return ""
}

func TestNothingIsCreatedWithoutAProject(t *testing.T) {
	for _, command := range []string{"up", "push", "e2e", "down"} {
		m := newMachine(t)
		calls, said, err := m.run(command, "PROJECT=")
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 64 || !strings.Contains(said, "PROJECT= is missing") {
			t.Errorf("%s: %v, said %q", command, err, said)
		}
		if calls[0] != "" {
			t.Errorf("%s called %q", command, calls)
		}
	}
}

func TestUp(t *testing.T) {
	m := newMachine(t)
	calls, said, err := m.make("gke-up", "PROJECT=my-project")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, want := range []string{"creates in project my-project", "0.10 USD an hour", "3 nodes", "make gke-down PROJECT=my-project"} {
		if !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
	state := filepath.Join(m.dir, "meshproof/state/gke/my-project")
	if got := find(calls, "terraform"); !strings.HasSuffix(got, "init -input=false -backend-config=path="+state+"/terraform.tfstate") {
		t.Errorf("first call of terraform: %s", got)
	}
	apply := calls[1]
	if !strings.Contains(apply, " apply -var project=my-project -var region=europe-west4 -var name=meshproof -var autopilot=false -var nodes=3") || strings.Contains(apply, "auto-approve") {
		t.Errorf("second call: %s", apply)
	}
	if got := find(calls, "gcloud"); got != "gcloud container clusters get-credentials meshproof --location europe-west4-b --project my-project" {
		t.Errorf("credentials: %s", got)
	}
	if calls, _, _ = m.make("gke-up", "YES=1", "AUTOPILOT=1", "REGION=us-east1", "NODES=5"); !strings.HasSuffix(calls[1],
		" apply -var project=my-project -var region=us-east1 -var name=meshproof -var autopilot=true -var nodes=5 -input=false -auto-approve") {
		t.Errorf("with YES=1: %s", calls[1])
	}
}

func TestE2E(t *testing.T) {
	m := newMachine(t)
	if calls, said, err := m.run("e2e"); err == nil || find(calls, "meshproof") != "" || !strings.Contains(said, "run make gke-up") {
		t.Errorf("without a cluster: %v, %q, said %s", err, calls, said)
	}
	if _, said, err := m.make("gke-up", "AUTOPILOT=1"); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	calls, said, err := m.run("e2e")
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if got := find(calls, "meshproof"); got != "meshproof run -f dns-a --context gke_my-project_europe-west4-b_meshproof --push REGISTRY/my-project/meshproof" {
		t.Errorf("called %s", got)
	}
	if calls, _, _ = m.run("e2e", "ACCEPT_UNSEEN=1"); !strings.HasSuffix(find(calls, "meshproof"), " --accept-unseen=1") {
		t.Errorf("with ACCEPT_UNSEEN=1: %q", calls)
	}
	if calls, _, _ = m.run("push"); find(calls, "push") != "push dns-a gke_my-project_europe-west4-b_meshproof REGISTRY/my-project/meshproof" {
		t.Errorf("push called %q", calls)
	}
	if !strings.Contains(said, "each CPU hour") {
		t.Errorf("does not say what an Autopilot cluster costs:\n%s", said)
	}
}

func TestDown(t *testing.T) {
	for name, c := range map[string]struct {
		env      []string
		want     string
		leavesUp bool
		notToSay string
	}{
		"clean":       {want: "nothing is left", notToSay: "still there"},
		"disk left":   {env: []string{"LEFT=compute disks list"}, want: "still there: left-behind (gcloud compute disks list", notToSay: "nothing is left", leavesUp: true},
		"cannot look": {env: []string{"BROKEN=iam service-accounts list"}, want: "cannot look: gcloud iam", notToSay: "nothing is left", leavesUp: true},
	} {
		m := newMachine(t)
		if _, said, err := m.make("gke-up", "REGION=us-east1"); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		calls, said, err := m.run("down", c.env...)
		if (err != nil) != c.leavesUp || !strings.Contains(said, c.want) || strings.Contains(said, c.notToSay) {
			t.Errorf("%s: %v, said\n%s", name, err, said)
		}
		if !strings.Contains(calls[1], " destroy -var project=my-project -var region=us-east1") {
			t.Errorf("%s: called %q", name, calls)
		}
		for _, kind := range []string{"container clusters", "compute instances", "compute disks", "artifacts repositories", "iam service-accounts", "compute networks list"} {
			if got := find(calls, "gcloud "+kind); !strings.Contains(got, "--project my-project --format value(name)") {
				t.Errorf("%s: does not look for %s in the project: %q", name, kind, got)
			}
		}
		if _, err := os.Stat(filepath.Join(m.dir, "meshproof/state/gke/my-project/up")); (err == nil) != c.leavesUp {
			t.Errorf("%s: the state file: %v", name, err)
		}
	}
}
