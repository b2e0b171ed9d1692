package engine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// fakes sets PATH to a folder of shell scripts. Each script logs its arguments to the file calls and runs its body.
func fakes(t *testing.T, scripts map[string]string) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	for name, body := range scripts {
		text := "#!/bin/sh\necho \"" + name + " ${CONTAINERS_CONF:+conf }$*\" >> " + calls + "\n" + body + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tool := range []string{"sh", "cat", "sleep"} { // the scripts run these
		if p, err := exec.LookPath(tool); err == nil {
			if err := os.Symlink(p, filepath.Join(dir, tool)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("PATH", dir)
	return calls
}

const (
	dockerFine = `case "$1" in
--version) echo "Docker version 28.2.2, build e6534b4";;
version) echo 28.2.2;;
load) cat >/dev/null;;
run) echo "meshproof engine probe";;
esac`
	dockerNoDaemon = `case "$1" in
--version) echo "Docker version 28.2.2, build e6534b4";;
*) echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?" >&2; exit 1;;
esac`
	dockerNoCaps = `case "$1" in
--version) echo "Docker version 20.10.24";;
version) echo 20.10.24;;
load) cat >/dev/null;;
run) echo "docker: Error response from daemon: OCI runtime create failed: unable to apply caps: operation not permitted" >&2; exit 125;;
esac`
	podmanFine = `case "$1" in
info) echo "4.3.1 false v1 [cpuset cpu memory pids]";;
load) cat >/dev/null;;
run) echo "meshproof engine probe";;
esac`
	podmanNeedsConf = `case "$1" in
version) echo 4.3.1;;
info) echo "4.3.1 false v1 [cpuset cpu memory pids]";;
load) cat >/dev/null;;
run) [ -n "$CONTAINERS_CONF" ] || { echo "Error: OCI runtime error: setrlimit RLIMIT_NPROC: operation not permitted" >&2; exit 126; }
  [ -r "$CONTAINERS_CONF" ] || exit 99
  echo "meshproof engine probe";;
esac`
)

func TestFindOrder(t *testing.T) {
	cases := []struct {
		name    string
		scripts map[string]string
		force   string
		want    string // Engine.Name, or "" for an error of code 69
		conf    bool   // CONTAINERS_CONF is needed
		says    []string
	}{
		{"docker first", map[string]string{Docker: dockerFine, Podman: podmanFine}, "", Docker, false, nil},
		{"docker without daemon", map[string]string{Docker: dockerNoDaemon, Podman: podmanFine}, "", Podman, false, nil},
		{"docker that cannot run privileged", map[string]string{Docker: dockerNoCaps, Podman: podmanFine}, "", Podman, false, nil},
		{"podman that needs our configuration", map[string]string{Podman: podmanNeedsConf}, "", Podman, true, nil},
		{"docker is podman", map[string]string{Docker: `echo "podman version 4.3.1"`, Podman: podmanFine}, "", Podman, false, nil},
		{"podman is forced although docker works", map[string]string{Docker: dockerFine, Podman: podmanFine}, Podman, Podman, false, nil},
		{"docker is forced and missing", map[string]string{Podman: podmanFine}, Docker, "", false, []string{"docker: not on PATH"}},
		{"no engine", nil, "", "", false, []string{"docker: not on PATH", "podman: not on PATH", "podman runc"}},
		{"all broken", map[string]string{Docker: dockerNoDaemon, Podman: dockerNoCaps}, "", "", false,
			[]string{"Cannot connect to the Docker daemon", "start the docker daemon", "podman info wrote"}},
		{"container writes another line", map[string]string{Docker: strings.Replace(dockerFine, "meshproof engine probe", "hello", 1)}, "", "", false,
			[]string{`wrote "hello\n"`}},
		{"rootless on cgroup v1", map[string]string{Podman: `echo "4.3.1 true v1 []"`}, "", "", false, []string{"rootless on a cgroup v1 host"}},
		{"rootless without pids", map[string]string{Podman: `echo "4.3.1 true v2 [cpu memory]"`}, "", "", false, []string{"controller pids is not delegated"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fakes(t, c.scripts)
			e, err := Find(context.Background(), Options{Force: c.force, StateDir: t.TempDir(), Packages: []string{"podman", "runc"}})
			if c.want == "" {
				if exitcode.Of(err) != exitcode.Unavailable || err == nil {
					t.Fatalf("Find = %v, %v; want an error of code 69", e, err)
				}
				for _, s := range c.says {
					if !strings.Contains(err.Error(), s) {
						t.Errorf("the error lacks %q:\n%v", s, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.Name() != c.want || (len(e.Env()) > 0) != c.conf {
				t.Errorf("Find = %s, want %s (with our configuration: %v)", e, c.want, c.conf)
			}
		})
	}
}

func TestFindRefusesUnknownEngine(t *testing.T) {
	_, err := Find(context.Background(), Options{Force: "lxc", StateDir: t.TempDir()})
	if exitcode.Of(err) != exitcode.Usage || err == nil {
		t.Errorf("Find = %v, want a usage error", err)
	}
}

// TestFindBoundsEachAttempt: an engine that never answers takes its own timeout only; the next engine is tried.
func TestFindBoundsEachAttempt(t *testing.T) {
	fakes(t, map[string]string{Docker: `[ "$1" = --version ] || exec sleep 60`, Podman: podmanFine})
	var said []string
	begin := time.Now()
	e, err := Find(context.Background(), Options{StateDir: t.TempDir(), AttemptTimeout: 300 * time.Millisecond, Log: func(s string) { said = append(said, s) }})
	if err != nil || e.Name() != Podman {
		t.Fatalf("Find = %v, %v", e, err)
	}
	if d := time.Since(begin); d > 3*time.Second {
		t.Errorf("took %s", d)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "docker cannot be used: docker version: no answer within 300ms") {
		t.Errorf("docker's error was not logged:\n%s", all)
	}
}

func TestFindEndsWithItsContext(t *testing.T) {
	fakes(t, map[string]string{Docker: `exec sleep 60`, Podman: podmanFine})
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if e, err := Find(ctx, Options{StateDir: t.TempDir()}); err == nil {
		t.Errorf("Find = %v although its context had ended", e)
	}
}

// TestFindRemembers: the second call runs no container, and a changed binary is tested again.
func TestFindRemembers(t *testing.T) {
	calls := fakes(t, map[string]string{Podman: podmanNeedsConf})
	state := t.TempDir()
	first, err := Find(context.Background(), Options{StateDir: state})
	if err != nil {
		t.Fatal(err)
	}
	runs := func() int {
		b, rerr := os.ReadFile(calls)
		if rerr != nil {
			t.Fatal(rerr)
		}
		return strings.Count(string(b), " run ")
	}
	before := runs()
	second, err := Find(context.Background(), Options{StateDir: state})
	if err != nil || second.String() != first.String() {
		t.Fatalf("second Find = %v, %v; first %v", second, err, first)
	}
	if runs() != before {
		t.Error("the second call ran a container")
	}
	podman := filepath.Join(filepath.Dir(calls), Podman)
	if err := os.Chtimes(podman, time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(context.Background(), Options{StateDir: state}); err != nil || runs() == before {
		t.Errorf("a changed podman binary was not tested again (%v)", err)
	}
}

// TestInstall: packages are logged first, the lists are updated when the first install fails, podman is tried again.
func TestInstall(t *testing.T) {
	if cannotInstall() != "" {
		t.Skip("needs root on Debian: " + cannotInstall())
	}
	calls := fakes(t, nil)
	dir := filepath.Dir(calls)
	apt := "#!/bin/sh\necho \"apt-get $*\" >> " + calls + "\n" +
		"case \"$1\" in update) : > " + dir + "/updated;; install) [ -e " + dir + "/updated ] || exit 100\n" +
		"cat > " + dir + "/podman <<'E'\n#!/bin/sh\n" + podmanFine + "\nE\n" + chmod(t) + " 755 " + dir + "/podman;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "apt-get"), []byte(apt), 0o755); err != nil {
		t.Fatal(err)
	}
	var said []string
	o := Options{StateDir: t.TempDir(), Packages: []string{"podman", "iptables"}, Log: func(s string) { said = append(said, s) }}
	if _, err := Find(context.Background(), o); err == nil {
		t.Fatal("packages were installed although Install was false")
	}
	o.Install = true
	e, err := Find(context.Background(), o)
	if err != nil || e.Name() != Podman {
		t.Fatalf("Find = %v, %v", e, err)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "installing with apt-get: podman iptables") {
		t.Errorf("the packages were not logged:\n%s", all)
	}
}

func chmod(t *testing.T) string {
	for _, p := range []string{"/bin/chmod", "/usr/bin/chmod"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Skip("no chmod")
	return ""
}

func TestIsDebian(t *testing.T) {
	for text, want := range map[string]bool{
		"PRETTY_NAME=\"Debian\"\nID=debian\n":       true,
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n": true,
		"ID=fedora\nID_LIKE=\"rhel\"\n":             false,
		"VARIANT_ID=debian\n":                       false,
	} {
		if got := isDebian(text); got != want {
			t.Errorf("isDebian(%q) = %v", text, got)
		}
	}
}

// TestProbeRuns runs the hand-written program: it must print its line and exit with code 0.
func TestProbeRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the probe is a Linux program")
	}
	b, err := probeELF(runtime.GOARCH)
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "probe")
	if err = os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path).CombinedOutput()
	if err != nil || string(out) != probeSays {
		t.Errorf("probe wrote %q, %v", out, err)
	}
}

func TestHasImageDistinguishesMissingImageFromError(t *testing.T) {
	fakes(t, map[string]string{Podman: `case "$5" in
there) echo 0acbae2b8af3;;
absent) echo "Error: inspecting object: absent: image not known" >&2; exit 125;;
*) echo "Error: database is locked" >&2; exit 125;;
esac`})
	e := New(Podman, nil)
	if id, ok, err := e.HasImage(context.Background(), "there"); id != "sha256:0acbae2b8af3" || !ok || err != nil {
		t.Errorf("there: %q %v %v", id, ok, err)
	}
	if _, ok, err := e.HasImage(context.Background(), "absent"); ok || err != nil {
		t.Errorf("absent: %v %v", ok, err)
	}
	if _, _, err := e.HasImage(context.Background(), "broken"); err == nil || !strings.Contains(err.Error(), "database is locked") {
		t.Errorf("broken: %v", err)
	}
}

// TestProbeRemovesOnlyItsOwnImage: another run that tries the same engine at the same time has an image of its own.
func TestProbeRemovesOnlyItsOwnImage(t *testing.T) {
	calls := fakes(t, map[string]string{Podman: podmanFine})
	if _, err := Find(context.Background(), Options{StateDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	own := fmt.Sprintf("rmi --force localhost/meshproof/engine-probe:%d\n", os.Getpid())
	if all := string(b); strings.Count(all, "rmi --force") != 1 || !strings.Contains(all, own) {
		t.Errorf("the engine was asked for\n%s\nwant %s", all, own)
	}
}

// Whoever removes what was made in an engine may have another one in his environment.
func TestAnEngineKnowsWhereItIs(t *testing.T) {
	fakes(t, map[string]string{Docker: dockerFine})
	t.Setenv("DOCKER_HOST", "unix:///run/other.sock")
	for _, v := range []string{"DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_CONFIG"} {
		t.Setenv(v, "")
	}
	o := Options{StateDir: t.TempDir()}
	for _, from := range []string{"tried", "remembered"} {
		e, err := Find(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(e.Env()); got != "[DOCKER_HOST=unix:///run/other.sock]" {
			t.Errorf("%s: %s", from, got)
		}
	}
	t.Setenv("DOCKER_HOST", "")
	e, err := Find(context.Background(), o)
	if err != nil || len(e.Env()) != 0 {
		t.Errorf("the remembered engine is another: %v %v", e, err)
	}
}
