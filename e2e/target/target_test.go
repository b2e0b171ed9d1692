package target

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	asHarness()
	os.Exit(m.Run())
}

func options(t *testing.T) Options {
	t.Helper()
	return Options{Engine: engine.New(engine.Podman, nil), StateDir: t.TempDir(), Name: "meshproof-t", NodeImage: "localhost/node:1"}
}

func note(t *testing.T, o Options, name string, change func(*state.Cluster)) {
	t.Helper()
	c := state.Cluster{Name: name, Engine: engine.Podman, Started: time.Now(), KeeperPID: 1, Phase: state.Up, Containers: containerNames(name, 1)}
	if change != nil {
		change(&c)
	}
	if err := state.Dir(o.StateDir).Write(c); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err error, code int, says ...string) {
	t.Helper()
	if err == nil || exitcode.Of(err) != code {
		t.Fatalf("error %v has code %d, want %d", err, exitcode.Of(err), code)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error does not say %q: %v", s, err)
		}
	}
}

func TestSecondRunIsRefused(t *testing.T) {
	o := options(t)
	lock, err := state.Dir(o.StateDir).Run(o.Name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Kind(context.Background(), o)
	refused(t, err, exitcode.Unavailable, "another run uses the cluster meshproof-t", "process", "since 2")
	lock.Unlock()
	again, err := state.Dir(o.StateDir).Run(o.Name)
	if err != nil {
		t.Errorf("after the first run has ended: %v", err)
	}
	again.Unlock()
}

func TestForeignClusterOfOurNameIsRefused(t *testing.T) {
	fake, o := fakepodman.Install(t), options(t)
	fake.Container(t, "theirs-control-plane", o.Name)
	_, err := Kind(context.Background(), o)
	refused(t, err, exitcode.Unavailable, "did not create it (containers theirs-control-plane)", "kind delete cluster --name meshproof-t")
	if left := fake.Left(); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	if l, lerr := state.Dir(o.StateDir).Run(o.Name); lerr != nil {
		t.Errorf("the refused run keeps its lock: %v", lerr)
	} else {
		l.Unlock()
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"name":  func(o *Options) { o.Name = "production" },
		"upper": func(o *Options) { o.Name = "meshproof-A" },
		"nodes": func(o *Options) { o.Nodes = 21 },
	} {
		o := options(t)
		change(&o)
		_, err := Kind(context.Background(), o)
		if err == nil || exitcode.Of(err) != exitcode.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSweepTakesOnlyWhatADeadKeeperLeft(t *testing.T) {
	fake, o := fakepodman.Install(t), options(t)
	note(t, o, "meshproof-dead", nil)
	note(t, o, "meshproof-kept", func(c *state.Cluster) { c.Kept = true })
	note(t, o, "meshproof-alive", nil)
	note(t, o, "meshproof-starting", nil)
	note(t, o, "other", nil)
	for _, n := range []string{"meshproof-dead", "meshproof-kept", "meshproof-alive", "meshproof-starting", "meshproof-foreign", "other"} {
		fake.Container(t, n+"-control-plane", n)
	}
	fake.Volume(t, "deadvol", "meshproof-dead-control-plane")
	fake.Volume(t, "keptvol", "meshproof-kept-control-plane")
	alive, err := state.Dir(o.StateDir).Keeper("meshproof-alive")
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Unlock()
	starting, err := state.Dir(o.StateDir).Run("meshproof-starting")
	if err != nil {
		t.Fatal(err)
	}
	defer starting.Unlock()
	var said []string
	if err := Sweep(context.Background(), o.StateDir, func(s string) { said = append(said, s) }); err != nil {
		t.Fatal(err)
	}
	want := "keptvol meshproof-alive-control-plane meshproof-foreign-control-plane meshproof-kept-control-plane meshproof-starting-control-plane other-control-plane"
	if got := strings.Join(fake.Left(), " "); got != want {
		t.Errorf("left\n%s\nwant\n%s", got, want)
	}
	if len(said) != 1 || !strings.Contains(said[0], "cluster meshproof-dead") {
		t.Errorf("said %q", said)
	}
	if _, ok, _ := state.Dir(o.StateDir).Read("meshproof-dead"); ok {
		t.Error("the note on the swept cluster is still there")
	}
}

func TestCleanTakesKeptOnesAndNothingElse(t *testing.T) {
	fake, o := fakepodman.Install(t), options(t)
	note(t, o, "meshproof-kept", func(c *state.Cluster) { c.Kept = true })
	note(t, o, "meshproof-busy", nil)
	for _, n := range []string{"meshproof-kept", "meshproof-busy", "meshproof-foreign", "kind"} {
		fake.Container(t, n+"-control-plane", n)
	}
	busy, err := state.Dir(o.StateDir).Run("meshproof-busy")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Unlock()
	err = Clean(context.Background(), o.StateDir, nil)
	refused(t, err, exitcode.Unavailable, "another run uses the cluster meshproof-busy")
	if got := strings.Join(fake.Left(), " "); got != "kind-control-plane meshproof-busy-control-plane meshproof-foreign-control-plane" {
		t.Errorf("left %s", got)
	}
}

func TestDifference(t *testing.T) {
	base := state.Cluster{Engine: "podman", NodeImage: "n:1", NodeImageID: "sha256:a", Containers: []string{"x"}, SharedDir: "/c", Config: "k"}
	if d := difference(base, base); d != "" {
		t.Errorf("the same cluster differs: %s", d)
	}
	for want, change := range map[string]func(*state.Cluster){
		"runs in podman":     func(c *state.Cluster) { c.Engine = "docker" },
		"node image was n:1": func(c *state.Cluster) { c.NodeImageID = "sha256:b" },
		"has 1 node":         func(c *state.Cluster) { c.Containers = []string{"x", "y", "z"} },
		"share":              func(c *state.Cluster) { c.SharedDir = "" },
		"configuration":      func(c *state.Cluster) { c.Config = "other" },
	} {
		other := base
		change(&other)
		if d := difference(base, other); !strings.Contains(d, want) {
			t.Errorf("difference = %q, want it to say %q", d, want)
		}
	}
}

func TestExistingSaysWhatIsWrong(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	path := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: c, cluster: {server: "https://` + closed + `"}}],
contexts: [{name: kind-b, context: {cluster: c, user: u}}, {name: a, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}`
	if err = os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		context string
		code    int
		says    string
	}{
		{"prod", exitcode.Unavailable, `no context "prod" in ` + path + "; it has a, kind-b"},
		{"", exitcode.Usage, "the current one is not taken unasked; it has a, kind-b"},
		{"a", exitcode.Unavailable, "connection refused"},
	} {
		_, err = Existing(context.Background(), ExistingOptions{Kubeconfig: path, Context: c.context})
		refused(t, err, c.code, c.says)
	}
	_, err = Existing(context.Background(), ExistingOptions{Kubeconfig: filepath.Join(t.TempDir(), "none"), Context: "x"})
	refused(t, err, exitcode.Unavailable, "none")
}

func TestLoadImageRefusesWhereItCannotReach(t *testing.T) {
	fake := fakepodman.Install(t)
	fake.Container(t, "other-control-plane", "b")
	for _, c := range []struct {
		name string
		c    *Cluster
		says string
	}{
		{"not kind", &Cluster{Context: "gke_prod"}, "from a registry only: it is not a kind cluster"},
		{"no engine", &Cluster{Context: "kind-b"}, "there is no container engine"},
		{"elsewhere", &Cluster{Context: "kind-b", Nodes: []string{"b-control-plane"}, engine: engine.New(engine.Podman, nil)}, "not containers of podman on this machine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, c.c.LoadImage(context.Background(), Image{Ref: "localhost/x:1"}), exitcode.Unavailable, c.says)
		})
	}
}

func TestSharedPath(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, f := range []string{filepath.Join(dir, "a.tar"), filepath.Join(other, "b.tar")} {
		if err := os.WriteFile(f, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := Cluster{noted: state.Cluster{SharedDir: dir}}
	if p, ok := c.sharedPath(filepath.Join(dir, "a.tar")); p != "/meshproof/a.tar" || !ok {
		t.Errorf("inside: %q %v", p, ok)
	}
	if p, ok := c.sharedPath(filepath.Join(other, "b.tar")); ok {
		t.Errorf("outside: %q", p)
	}
	none := Cluster{}
	if p, ok := none.sharedPath(filepath.Join(dir, "a.tar")); ok {
		t.Errorf("no shared directory: %q", p)
	}
}

func TestNodeReady(t *testing.T) {
	node := func(status corev1.ConditionStatus, taints ...corev1.Taint) *corev1.Node {
		n := &corev1.Node{}
		n.Name = "n"
		n.Spec.Taints = taints
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status, Reason: "KubeletNotReady", Message: "cni plugin not initialized"}}
		return n
	}
	if ok, why := nodeReady(node(corev1.ConditionTrue)); !ok {
		t.Error(why)
	}
	if ok, why := nodeReady(node(corev1.ConditionFalse)); ok || !strings.Contains(why, "cni plugin not initialized") {
		t.Error(why)
	}
	if ok, why := nodeReady(node(corev1.ConditionTrue, corev1.Taint{Key: corev1.TaintNodeNotReady})); ok || !strings.Contains(why, "taint") {
		t.Error(why)
	}
	if ok, why := nodeReady(&corev1.Node{}); ok || !strings.Contains(why, "no Ready condition") {
		t.Error(why)
	}
}

func TestAwaitTellsWhatWasSeen(t *testing.T) {
	cause := errors.New("not within 20 ms")
	ctx, cancel := context.WithTimeoutCause(context.Background(), 20*time.Millisecond, cause)
	defer cancel()
	var shown bytes.Buffer
	board := progress.NewLog(&shown, time.Now(), 4*time.Millisecond)
	err := await(progress.With(ctx, board), time.Millisecond, "rain", func(context.Context) (bool, string, error) { return false, "sunshine", nil })
	if board.Close(); !strings.Contains(shown.String(), "waiting 0 s for rain: sunshine\n") {
		t.Errorf("while it waits it shows\n%s", shown.String())
	}
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "for rain, last seen: sunshine") {
		t.Error(err)
	}
	final := errors.New("forbidden")
	if err := await(context.Background(), time.Millisecond, "rain", func(context.Context) (bool, string, error) { return false, "", final }); !errors.Is(err, final) {
		t.Error(err)
	}
}
