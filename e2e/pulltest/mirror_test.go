package pulltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	registry "github.com/google/go-containerregistry/pkg/name"

	"meshproof.dev/meshproof/e2e/target/keeper"
)

func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	os.Exit(m.Run())
}

// mirrorOfPodman makes podman ask the registry before the default one (containers-registries.conf(5)). What it has pulled is removed
// when the test has ended.
func (f *fixture) mirrorOfPodman(t *testing.T, host string, pins map[string]string) {
	t.Helper()
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed")
	}
	t.Cleanup(func() {
		for _, ref := range pins {
			if out, err := exec.Command("podman", "rmi", fullName(ref)).CombinedOutput(); err != nil {
				t.Logf("podman rmi %s: %v: %s", ref, err, out)
			}
		}
	})
	t.Setenv("CONTAINERS_REGISTRIES_CONF", write(t, t.TempDir(), "registries.conf", fmt.Sprintf(`[[registry]]
location = %q
[[registry.mirror]]
location = %q
insecure = true
`, hub(), host)))
}

// startDocker starts a docker daemon that asks the registry before the default one, and has no image yet, for the time of the test.
func (f *fixture) startDocker(t *testing.T, host string, _ map[string]string) {
	t.Helper()
	const script = "../../scripts/docker-daemon.sh"
	if out, err := exec.Command(script, "status").CombinedOutput(); err == nil {
		t.Skipf("scripts/docker-daemon.sh has a daemon under way, which has another configuration: %s", out)
	}
	// The daemon sees the cache, but not every folder for temporary files.
	store, err := os.MkdirTemp(f.cache, "pulltest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if failed := os.RemoveAll(store); failed != nil {
			t.Error(failed)
		}
	})
	out, err := exec.Command(script, "start", "--registry-mirror=http://"+host, "--data-root="+store).Output()
	if err != nil {
		t.Skipf("scripts/docker-daemon.sh start: %s", stderrOf(err))
	}
	t.Cleanup(func() {
		if says, failed := exec.Command(script, "stop").CombinedOutput(); failed != nil {
			t.Errorf("scripts/docker-daemon.sh stop: %v\n%s", failed, says)
		}
	})
	_, socket, _ := strings.Cut(strings.TrimSpace(string(out)), "DOCKER_HOST=")
	t.Setenv("DOCKER_HOST", socket)
}

// fullName is how the harness names an image with a digest: with the default registry, and without the tag.
func fullName(ref string) string {
	name, digest, _ := strings.Cut(ref, "@")
	name, _, _ = strings.Cut(name, ":")
	return hub() + "/" + name + "@" + digest
}

// hub is the default registry, as image names have it; the library has its older alias.
func hub() string { return strings.TrimPrefix(registry.DefaultRegistry, "index.") }

func stderrOf(err error) string {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return strings.TrimSpace(string(exit.Stderr))
	}
	return err.Error()
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
