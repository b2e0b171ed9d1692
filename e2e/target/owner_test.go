package target

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
	"meshproof.dev/meshproof/e2e/target/state"
)

// nodes are the node containers that exist, by the cluster's name.
func nodes(left []string) []string {
	var names []string
	for _, l := range left {
		if name, ok := strings.CutSuffix(l, "-control-plane"); ok {
			names = append(names, name)
		}
	}
	return names
}

// TestTwoRunsAtOnce: on one engine, with one state folder and with two, the end of one run leaves the other's cluster alone.
func TestTwoRunsAtOnce(t *testing.T) {
	for name, dirs := range map[string][2]string{
		"one folder":  {"a", "a"},
		"two folders": {"a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			fake, base := fakepodman.Install(t), t.TempDir()
			stopped := errors.New("stopped by the test")
			var stop [2]func()
			for i, dir := range dirs {
				ctx, cancel := context.WithCancelCause(t.Context())
				ended := make(chan error, 1)
				go func() {
					_, err := Kind(ctx, Options{Engine: engine.New(engine.Podman, nil), StateDir: filepath.Join(base, dir), NodeImage: "localhost/node:1"})
					ended <- err
				}()
				stop[i] = func() {
					cancel(stopped)
					if err := <-ended; !errors.Is(err, stopped) {
						t.Errorf("run %d ended by itself: %v", i+1, err)
					}
				}
				fake.Await(t, 10*time.Second, "the node exists", func(left []string) bool { return len(nodes(left)) == i+1 })
				if err := Sweep(t.Context(), filepath.Join(base, dir), nil); err != nil {
					t.Error(err)
				}
			}
			both := nodes(fake.Left())
			stop[0]()
			if left := nodes(fake.Left()); len(left) != 1 || !slices.Contains(both, left[0]) {
				t.Errorf("%v existed; after the end of one run: %v", both, left)
			}
			stop[1]()
			if left := fake.Left(); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			for _, dir := range dirs {
				if err := Sweep(t.Context(), filepath.Join(base, dir), nil); err != nil {
					t.Error(err)
				}
				if files, _ := filepath.Glob(filepath.Join(base, dir, "clusters", "*")); len(files) > 1 || (len(files) == 1 && filepath.Base(files[0]) != "network") {
					t.Errorf("files left: %v", files)
				}
			}
		})
	}
}

// TestANoteRemovesOnlyItsOwnContainers: what somebody has made by hand under the name in a note is not the cluster of the note.
func TestANoteRemovesOnlyItsOwnContainers(t *testing.T) {
	const node = "meshproof-control-plane"
	for name, c := range map[string]struct {
		note func(*state.Cluster)
		age  time.Duration // of the container and the volume
		gone bool
	}{
		"another id":                        {func(c *state.Cluster) { c.IDs = []string{"id-old"} }, 0, false},
		"another id, kept":                  {func(c *state.Cluster) { c.IDs, c.Kept = []string{"id-old"}, true }, 0, false},
		"its id":                            {func(c *state.Cluster) { c.IDs = []string{fakepodman.ID(node)} }, 0, true},
		"its id, while it was created":      {func(c *state.Cluster) { c.IDs, c.Phase = []string{fakepodman.ID(node)}, state.Creating }, 0, true},
		"not noted yet":                     {func(c *state.Cluster) { c.IDs, c.Phase = []string{"id-other-node"}, state.Creating }, 0, true},
		"an earlier version's note":         {nil, 0, true},
		"an earlier version's note, later":  {func(c *state.Cluster) { c.Started = time.Now().Add(-time.Hour) }, 0, false},
		"an earlier version's note, before": {nil, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake, o := fakepodman.Install(t), options(t)
			note(t, o, "meshproof", c.note)
			fake.Container(t, node, "meshproof")
			fake.Volume(t, "vol", node)
			fake.Age(t, node, c.age)
			fake.Age(t, "vol", c.age)
			var said []string
			if err := Clean(t.Context(), o.StateDir, func(s string) { said = append(said, s) }); err != nil {
				t.Fatal(err)
			}
			if left := fake.Left(); (len(left) == 0) != c.gone || (len(left) != 2) != c.gone {
				t.Errorf("left: %v", left)
			}
			if all := strings.Join(said, "\n"); strings.Contains(all, "is not the one in our note: it is left alone") == c.gone {
				t.Errorf("said %s", all)
			}
			if _, noted, err := state.Dir(o.StateDir).Read("meshproof"); noted || err != nil {
				t.Errorf("the note is still there: %v", err)
			}
		})
	}
}

// TestARunLeavesAForeignClusterOfAKeptName: it is neither used nor removed, and the run makes its own.
func TestARunLeavesAForeignClusterOfAKeptName(t *testing.T) {
	fake, o := fakepodman.Install(t), options(t)
	note(t, o, "meshproof", func(c *state.Cluster) { c.IDs, c.Kept = []string{"id-old"}, true })
	fake.Container(t, "meshproof-control-plane", "meshproof")
	o.Name = ""
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := Kind(ctx, o); ended <- err }()
	fake.Await(t, 10*time.Second, "the run has its own", func(left []string) bool { return len(nodes(left)) == 2 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended by itself: %v", err)
	}
	if left := fake.Left(); len(left) != 1 || left[0] != "meshproof-control-plane" {
		t.Errorf("left: %v", left)
	}
}

// TestOneRunKeepsItsCluster: while it does, another one makes a cluster that is not kept, and says so.
func TestOneRunKeepsItsCluster(t *testing.T) {
	fakepodman.Install(t)
	o := options(t)
	var said []string
	o.Keep, o.Log = true, func(s string) { said = append(said, s) }
	first, second := &request{o: o, dir: state.Dir(o.StateDir)}, &request{o: o, dir: state.Dir(o.StateDir)}
	for _, r := range []*request{first, second} {
		if c, err := r.kept(t.Context()); c != nil || err != nil {
			t.Fatalf("%v, %v", c, err)
		}
	}
	if !first.o.Keep || second.o.Keep || len(said) != 1 || !strings.Contains(said[0], "the cluster of this run is not kept") {
		t.Errorf("the first keeps: %v, the second: %v; said %q", first.o.Keep, second.o.Keep, said)
	}
	first.keepOne.Remove()
	third := &request{o: o, dir: state.Dir(o.StateDir)}
	if _, err := third.kept(t.Context()); err != nil || !third.o.Keep {
		t.Errorf("after the first: keeps %v, %v", third.o.Keep, err)
	}
}

// TestABrokenNoteBlocksNobody: it is moved aside and said; neither a run nor Clean stops there, and what it is about stays.
func TestABrokenNoteBlocksNobody(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"cut off":        func(path string) error { return os.WriteFile(path, []byte(`{"name": "meshproof-b", "ki`), 0o600) },
		"empty":          func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"of another":     func(path string) error { return os.WriteFile(path, []byte(`{"name": "meshproof-c"}`), 0o600) },
		"a folder":       func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) },
		"cannot be read": func(path string) error { return os.Symlink(path, path) },
	} {
		t.Run(name, func(t *testing.T) {
			fake, o := fakepodman.Install(t), options(t)
			dir := state.Dir(o.StateDir)
			note(t, o, "meshproof-a", func(c *state.Cluster) { c.IDs = []string{fakepodman.ID("meshproof-a-control-plane")} })
			for _, n := range []string{"meshproof-a", "meshproof-b"} {
				fake.Container(t, n+"-control-plane", n)
			}
			if err := spoil(dir.Path("meshproof-b", "json")); err != nil {
				t.Fatal(err)
			}
			var said []string
			log := func(s string) { said = append(said, s) }
			if err := NewProvider(Choice{StateDir: o.StateDir, Log: log}).Preflight(t.Context(), neverLooks(t)); err != nil {
				t.Errorf("the run is blocked: %v", err)
			}
			aside := dir.Aside()
			if len(aside) != 1 || !strings.Contains(aside[0], "meshproof-b.json.broken-") || len(said) != 2 || !strings.Contains(said[0], aside[0]) ||
				!strings.Contains(said[0], "--filter label=io.x-k8s.kind.cluster=meshproof-b") {
				t.Errorf("moved aside: %v; said %q", aside, said)
			}
			if left := fake.Left(); len(left) != 1 || left[0] != "meshproof-b-control-plane" {
				t.Errorf("left: %v", left)
			}
			// The next run says nothing again; Clean does, because it cannot remove what the note was about.
			said = nil
			if err := Sweep(t.Context(), o.StateDir, log); err != nil || len(said) > 0 {
				t.Errorf("the next run: %v, said %q", err, said)
			}
			if err := Clean(t.Context(), o.StateDir, log); err != nil || len(said) != 1 || !strings.Contains(said[0], "io.x-k8s.kind.cluster=meshproof-b") {
				t.Errorf("clean: %v, said %q", err, said)
			}
		})
	}
}

// TestABrokenNoteOfARunThatLives stays where its keeper replaces it.
func TestABrokenNoteOfARunThatLives(t *testing.T) {
	fakepodman.Install(t)
	o := options(t)
	dir := state.Dir(o.StateDir)
	lock, err := dir.Keeper("meshproof-b")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err = os.WriteFile(dir.Path("meshproof-b", "json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err = Sweep(t.Context(), o.StateDir, nil); err != nil || len(dir.Aside()) > 0 {
		t.Errorf("%v; moved aside: %v", err, dir.Aside())
	}
}

func TestCleanForgetsANetworkThatSomebodyElseRemoved(t *testing.T) {
	fake, o := fakepodman.Install(t), options(t)
	dir := state.Dir(o.StateDir)
	for _, there := range []bool{true, false} {
		if there {
			fake.Network(t, "kind")
		}
		if err := dir.NoteNetwork(state.Network{Engine: engine.Podman}); err != nil {
			t.Fatal(err)
		}
		if err := Clean(t.Context(), o.StateDir, nil); err != nil {
			t.Errorf("the network is there: %v: %v", there, err)
		}
		if _, noted := dir.MadeNetwork(); noted {
			t.Errorf("the network is there: %v: the record stays", there)
		}
	}
}

// TestCleanWhereTheNetworksEngineIsGone: nobody can say whether the network is there, so it is said, and noted until somebody can. An
// engine that is there and does not tell is an error.
func TestCleanWhereTheNetworksEngineIsGone(t *testing.T) {
	const down = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
	for name, c := range map[string]struct {
		says string // by the command docker, "" for no such command
		gone bool
	}{
		"no daemon":        {down, true},
		"no command":       {"", true},
		"one that refuses": {"permission denied while trying to connect to the Docker daemon socket", false},
	} {
		t.Run(name, func(t *testing.T) {
			bin, o := t.TempDir(), options(t)
			t.Setenv("PATH", bin)
			if c.says != "" {
				if err := os.WriteFile(filepath.Join(bin, "docker"), []byte("#!/bin/sh\necho '"+c.says+"' >&2\nexit 1\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			dir := state.Dir(o.StateDir)
			if err := dir.NoteNetwork(state.Network{Engine: engine.Docker}); err != nil {
				t.Fatal(err)
			}
			var said []string
			err := Clean(t.Context(), o.StateDir, func(s string) { said = append(said, s) })
			if (err == nil) != c.gone {
				t.Errorf("%v", err)
			}
			if c.gone && (len(said) != 1 || !strings.Contains(said[0], "may still be there") || !strings.Contains(said[0], dir.NetworkNote())) {
				t.Errorf("said %q", said)
			}
			if _, noted := dir.MadeNetwork(); !noted {
				t.Error("the note is gone")
			}
		})
	}
}

// TestPatchesAreNeverHalfWritten: kubeadm of one run's cluster reads the patches while another run writes them.
func TestPatchesAreNeverHalfWritten(t *testing.T) {
	o := options(t)
	o.Kubernetes = "v1.37.2"
	dir, err := kubeadmPatches(o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		var err error
		for range 100 {
			if _, werr := kubeadmPatches(o); werr != nil {
				err = werr
			}
		}
		ended <- err
	}()
	for {
		b, err := os.ReadFile(filepath.Join(dir, "corednsdeployment+strategic.yaml"))
		if err != nil || string(b) != coreDNSPatch {
			t.Fatalf("read %d of %d bytes: %v", len(b), len(coreDNSPatch), err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
