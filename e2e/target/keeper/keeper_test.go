package keeper

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
	"meshproof.dev/meshproof/e2e/target/state"
)

const clusterName = "meshproof-t"

// TestMain is also the harness that a test kills: it creates a cluster, says so, and waits for its death.
func TestMain(m *testing.M) {
	RunIfKeeper()
	if dir := os.Getenv("KEEPER_TEST_HARNESS"); dir != "" {
		k, err := Create(spec(dir), nil)
		fmt.Println("keeper", err)
		if err == nil {
			_ = k.Created(context.Background())
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func spec(dir string) Spec {
	return Spec{StateDir: dir, Cluster: state.Cluster{
		Name: clusterName, Engine: engine.Podman, Containers: []string{clusterName + "-control-plane"},
		Kubeconfig: state.Dir(dir).Path(clusterName, "kubeconfig"), Started: time.Now(),
		Config: "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane, image: localhost/node:1}]\n",
	}}
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func exists(left []string) bool { return strings.Contains(strings.Join(left, " "), "control-plane") }
func empty(left []string) bool  { return len(left) == 0 }

func gone(t *testing.T, dir string) {
	t.Helper()
	if all, broken, err := state.Dir(dir).List(); len(all)+len(broken) > 0 || err != nil {
		t.Errorf("the note on the cluster is still there: %v %v %v", all, broken, err)
	}
}

func TestClusterGoesWhenTheHarnessIsKilled(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "KEEPER_TEST_HARNESS="+dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "keeper <nil>\n" {
		t.Fatalf("the harness said %q", line)
	}
	fake.Await(t, 5*time.Second, "the node exists", exists)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	fake.Await(t, 5*time.Second, "containers and volumes are gone", empty)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if alive, err := state.Dir(dir).KeeperAlive(clusterName); err != nil || time.Now().After(end) {
			t.Fatalf("the keeper did not end: %v", err)
		} else if !alive {
			break
		}
	}
	gone(t, dir)
}

func TestDeleteInTheMiddleOfCreate(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	k, err := Create(spec(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	fake.Await(t, 5*time.Second, "the node exists", exists)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(k.PID, s); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond)
	if !k.Alive() || !exists(fake.Left()) {
		t.Fatal("a signal of the terminal ended the keeper")
	}
	if err := k.Delete(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if !empty(fake.Left()) {
		t.Errorf("left: %v", fake.Left())
	}
	if strings.Contains(fake.Calls(), "interrupted") {
		t.Error("an engine command was ended while it made a container")
	}
	gone(t, dir)
}

// TestLateNodeIsRemovedToo: the first node's failure ends kind's Create while the second is still coming to be.
func TestLateNodeIsRemovedToo(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	fake.RunFails(t, "Error: no space left on device")
	s := spec(dir)
	s.Cluster.Config = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane, image: localhost/node:1}, {role: worker, image: localhost/node:1}]\n"
	s.Cluster.Containers = append(s.Cluster.Containers, clusterName+"-worker")
	k, err := Create(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Created(within(t, 10*time.Second)); err == nil {
		t.Error("created")
	}
	time.Sleep(500 * time.Millisecond) // longer than the worker takes
	if !empty(fake.Left()) {
		t.Errorf("left: %v", fake.Left())
	}
}

func TestCreateThatFailsSaysWhyAndLeavesNothing(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	fake.RunFails(t, "Error: no space left on device")
	k, err := Create(spec(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = k.Created(within(t, 10*time.Second))
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("Created = %v", err)
	}
	if !empty(fake.Left()) {
		t.Errorf("left: %v", fake.Left())
	}
	gone(t, dir)
	if err := k.Delete(within(t, 5*time.Second)); err != nil {
		t.Errorf("deleting what has failed already: %v", err)
	}
}

func TestTakenPortIsTriedAgain(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	fake.RunFails(t, "Error: rootport listen tcp 127.0.0.1:40000: bind: address already in use")
	k, err := Create(spec(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Created(within(t, 10*time.Second)); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Created = %v", err)
	}
	if n := strings.Count(fake.Calls(), "run --name"); n != 3 {
		t.Errorf("tried %d times, want 3", n)
	}
}

func TestForeignClusterIsNotTouched(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	fake.Container(t, "somebody-else", clusterName)
	k, err := Create(spec(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Created(within(t, 5*time.Second)); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("Created = %v", err)
	}
	if left := fake.Left(); len(left) != 1 {
		t.Errorf("left: %v, want the foreign container", left)
	}
	gone(t, dir)
}

func TestReleaseLeavesTheCluster(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	fake.Container(t, clusterName+"-control-plane", clusterName)
	k, err := Adopt(spec(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err = k.Created(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	if alive, _ := state.Dir(dir).KeeperAlive(clusterName); !alive {
		t.Error("the keeper holds no lock")
	}
	if err = k.Release(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	c, ok, err := state.Dir(dir).Read(clusterName)
	if err != nil || !ok || !c.Kept || !exists(fake.Left()) {
		t.Errorf("after release: %+v %v %v; left %v", c, ok, err, fake.Left())
	}
}

func TestDeathOfTheKeeperIsNoticed(t *testing.T) {
	fakepodman.Install(t)
	k, err := Create(spec(t.TempDir()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-k.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := k.Created(within(t, 5*time.Second)); err == nil || !strings.Contains(err.Error(), "ended before its work was done") {
		t.Errorf("Created = %v", err)
	}
}

func TestWithoutRunIfKeeperNothingIsStarted(t *testing.T) {
	armed.Store(false)
	defer armed.Store(true)
	if _, err := Create(spec(t.TempDir()), nil); err == nil {
		t.Error("a keeper was started by a program that does not call RunIfKeeper")
	}
}

func TestShimReplacesOnlyTheModules(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "podman"), []byte("#!/bin/sh\nprintf '%s|' \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	empty := filepath.Join(dir, "it's empty")
	if err := shimPodman(dir, empty); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("podman", "run", "--volume", "/lib/modules:/lib/modules:ro", "-e", "A=b c", "").Output()
	want := "run|--volume|" + empty + ":/lib/modules:ro|-e|A=b c||"
	if err != nil || string(out) != want {
		t.Errorf("podman was called with %q, %v; want %q", out, err, want)
	}
}

func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		" • Preparing nodes 📦 📦  ...\n":            "Preparing nodes",
		" • Starting control-plane 🕹️  ...\n":      "Starting control-plane",
		" ✓ Writing configuration 📜\n":             "",
		" ✗ Joining worker nodes 🚜\n":              "Joining worker nodes: failed",
		"enabling experimental podman provider":    "",
		"Creating cluster \"meshproof\" ...\n":     `Creating cluster "meshproof"`,
		"warning: cgroup v1 is deprecated, really": "warning: cgroup v1 is deprecated, really",
	} {
		if got := plain(in); got != want {
			t.Errorf("plain(%q) = %q, want %q", in, got, want)
		}
	}
}
