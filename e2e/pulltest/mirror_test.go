package pulltest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/target/keeper"
)

func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	os.Exit(m.Run())
}

// mirrorOfPodman makes podman ask the registry before the default one (containers-registries.conf(5)).
func mirrorOfPodman(t *testing.T, host string) {
	t.Helper()
	t.Setenv("CONTAINERS_REGISTRIES_CONF", write(t, t.TempDir(), "registries.conf", fmt.Sprintf(`[[registry]]
location = "docker.io"
[[registry.mirror]]
location = %q
insecure = true
`, host)))
}

// startDocker starts a docker daemon with those flags, for the time of the test.
func startDocker(t *testing.T, flags ...string) {
	t.Helper()
	const script = "../../scripts/docker-daemon.sh"
	if out, err := exec.Command(script, "status").CombinedOutput(); err == nil {
		t.Skipf("scripts/docker-daemon.sh has a daemon under way, which has another configuration: %s", out)
	}
	out, err := exec.Command(script, append([]string{"start"}, flags...)...).Output()
	if err != nil {
		t.Skipf("scripts/docker-daemon.sh start: %s", stderrOf(err))
	}
	t.Cleanup(func() {
		if out, err := exec.Command(script, "stop").CombinedOutput(); err != nil {
			t.Errorf("scripts/docker-daemon.sh stop: %v\n%s", err, out)
		}
	})
	_, host, _ := strings.Cut(strings.TrimSpace(string(out)), "DOCKER_HOST=")
	t.Setenv("DOCKER_HOST", host)
}

func stderrOf(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it as it is
		return strings.TrimSpace(string(exit.Stderr))
	}
	return err.Error()
}

// digestOf is the digest of a tag's manifest in the registry.
func digestOf(t *testing.T, host, name, tag string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://"+host+"/v2/"+name+"/manifests/"+tag, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json")
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	digest := a.Header.Get("Docker-Content-Digest")
	if digest == "" {
		t.Fatalf("%s/%s:%s: %s, without a digest", host, name, tag, a.Status)
	}
	return digest
}

// removeImage removes a name from the engine when the test has ended.
func (f *fixture) removeImage(t *testing.T, ref string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = f.engine.Run(ctx, "rmi", ref)
	})
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
