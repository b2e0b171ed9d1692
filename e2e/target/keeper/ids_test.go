package keeper

import (
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
	"meshproof.dev/meshproof/e2e/target/state"
)

// TestIDsAreNotedWhileKindCreates: if the keeper is killed then, the note says which containers are to be removed, and a container
// that gets their name later is not one of them.
func TestIDsAreNotedWhileKindCreates(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	k, err := Create(spec(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	fake.Await(t, 5*time.Second, "the node exists", exists)
	var c state.Cluster
	for end := time.Now().Add(5 * time.Second); len(c.IDs) == 0; time.Sleep(20 * time.Millisecond) {
		if c, _, err = state.Dir(dir).Read(clusterName); err != nil || time.Now().After(end) {
			t.Fatalf("no ids are noted: %+v %v", c, err)
		}
	}
	if len(c.IDs) != 1 || !strings.HasPrefix(c.IDs[0], "id-"+clusterName+"-control-plane-") || c.Phase != state.Creating {
		t.Errorf("noted: %+v", c)
	}
	if err := syscall.Kill(-k.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-k.ended
	e := engine.New(engine.Podman, nil)
	if err := Remove(context.Background(), e, c, func(s string) { t.Log(s) }); err != nil || !empty(fake.Left()) {
		t.Errorf("%v; left: %v", err, fake.Left())
	}
	fake.Container(t, clusterName+"-control-plane", clusterName)
	fake.Age(t, clusterName+"-control-plane", -creationWindow-time.Minute) // made later than any of ours
	if err := Remove(context.Background(), e, c, func(s string) { t.Log(s) }); err != nil || len(fake.Left()) != 1 {
		t.Errorf("%v; left: %v, want somebody's container", err, fake.Left())
	}
}

// TestLostRaceIsTriedAgain: what another program on this machine did at the same time does not end the run.
func TestLostRaceIsTriedAgain(t *testing.T) {
	for message, says := range map[string]string{
		"Error: rootport listen tcp 127.0.0.1:40000: bind: address already in use": "another process uses the API server's port now",
		"Error: unable to find network with name or ID kind: network not found":    "the network kind has been removed",
		"docker: Error response from daemon: network kind not found.":              "the network kind has been removed",
		"Error: network name kind already used: network already exists":            "another run has created the network kind at the same time",
	} {
		t.Run(says, func(t *testing.T) {
			fake, dir := fakepodman.Install(t), t.TempDir()
			fake.RunFails(t, message)
			var mu sync.Mutex
			var said []string
			k, err := Create(spec(dir), func(s string) { mu.Lock(); said = append(said, s); mu.Unlock() })
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Created(within(t, 10*time.Second)); err == nil {
				t.Error("created")
			}
			<-k.ended
			if n := strings.Count(strings.Join(said, "\n"), says+"; creating the cluster again"); n != 2 || strings.Count(fake.Calls(), "run --name") != 3 {
				t.Errorf("said %q", said)
			}
			gone(t, dir)
		})
	}
}

// TestNodeThatComesAfterItsKeeperIsRemovedToo: the keeper alone is killed, and an engine command of its is still creating a node.
func TestNodeThatComesAfterItsKeeperIsRemovedToo(t *testing.T) {
	fake, dir := fakepodman.Install(t), t.TempDir()
	s := spec(dir)
	s.Cluster.Config = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane, image: localhost/node:1}, {role: worker, image: localhost/node:1}]\n"
	s.Cluster.Containers = append(s.Cluster.Containers, clusterName+"-worker")
	k, err := Create(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); !strings.Contains(fake.Calls(), "run --name "+clusterName+"-worker"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no worker is being created")
		}
	}
	if err = syscall.Kill(k.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c, ok, err := state.Dir(dir).Read(clusterName)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := Remove(context.Background(), engine.New(engine.Podman, nil), c, func(s string) { t.Log(s) }); err != nil {
		t.Error(err)
	}
	time.Sleep(500 * time.Millisecond) // longer than the worker takes
	if !empty(fake.Left()) {
		t.Errorf("left: %v", fake.Left())
	}
}
