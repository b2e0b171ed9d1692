package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

func startHarness(t *testing.T, o Options) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	text, err := json.Marshal(harnessOptions{o.Engine.Name(), o.Engine.Env(), o})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), harnessEnv+"="+string(text))
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(out)
}

// TestClusterGoesWithAKilledHarness: SIGKILL while it is made and when it stands; gone within 30 s by itself.
func TestClusterGoesWithAKilledHarness(t *testing.T) {
	o := clusterOptions(t)
	for _, after := range []time.Duration{3 * time.Second, 0} {
		c, out := startHarness(t, o)
		if after > 0 {
			time.Sleep(after)
		} else if line, _ := out.ReadString('\n'); line != "up\n" {
			t.Fatalf("the harness said %q", line)
		}
		if nodes, err := keeper.Nodes(context.Background(), o.Engine, o.Name); err != nil || len(nodes) == 0 {
			t.Fatalf("no cluster to lose: %v %v", nodes, err)
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		begin := time.Now()
		for left := whatIsLeft(o); len(left) > 0; left = whatIsLeft(o) {
			if time.Since(begin) > 30*time.Second {
				t.Fatalf("30 s after the harness was killed: %s", strings.Join(left, "; "))
			}
			time.Sleep(500 * time.Millisecond)
		}
		t.Logf("killed after %s: gone %s later", after, since(begin))
	}
}

func TestClusterCancelledWhileItIsMade(t *testing.T) {
	o := clusterOptions(t)
	stop := errors.New("somebody pressed Ctrl-C")
	for _, after := range []time.Duration{300, 700, 1200, 2000, 3500, 6000, 9000, 13000} {
		after *= time.Millisecond
		ctx, cancel := context.WithCancelCause(context.Background())
		timer := time.AfterFunc(after, func() { cancel(stop) })
		begin := time.Now()
		c, err := Kind(ctx, o)
		timer.Stop()
		cancel(nil)
		switch {
		case err == nil:
			t.Logf("cancelled after %s: it was up already", after)
			closeCluster(t, c)
		case !errors.Is(err, stop):
			t.Errorf("cancelled after %s: %v", after, err)
		default:
			t.Logf("cancelled after %s: returned %s later: %v", after, since(begin.Add(after)), err)
		}
		nothingLeft(t, o)
	}
}

func TestClusterIsKeptAndUsedAgain(t *testing.T) {
	o := clusterOptions(t)
	o.Name, o.Keep = "", true
	ctx := context.Background()
	first, err := Kind(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	set, err := kubernetes.NewForConfig(first.Config)
	if err != nil {
		t.Fatal(err)
	}
	ns, err := set.CoreV1().Namespaces().Get(ctx, "kube-system", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Beside it another run makes a cluster of its own, and neither uses nor keeps it.
	said := ""
	beside := o
	beside.Log = func(s string) { said += s + "\n"; o.Log(s) }
	other, err := Kind(ctx, beside)
	if err != nil {
		t.Fatal(err)
	}
	if other.Name == first.Name || !other.Temporary() || !strings.Contains(said, "the cluster of this run is not kept") {
		t.Errorf("beside %s: %s, temporary: %v", first.Name, other.Name, other.Temporary())
	}
	closeCluster(t, other)
	if left, lerr := keeper.Nodes(ctx, o.Engine, other.Name); lerr != nil || len(left) > 0 {
		t.Errorf("left of it: %v %v", left, lerr)
	}
	closeCluster(t, first)
	if err = Sweep(ctx, o.StateDir, o.Log); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	second, err := Kind(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("taken over in %s", since(begin))
	again, err := set.CoreV1().Namespaces().Get(ctx, "kube-system", metav1.GetOptions{})
	if err != nil || again.UID != ns.UID {
		t.Errorf("not the same cluster: %v", err)
	}
	if second.Name != first.Name {
		t.Errorf("%s was kept, %s is used", first.Name, second.Name)
	}
	closeCluster(t, second)
	// A kept cluster that is not healthy is made again.
	if err = o.Engine.Run(ctx, "kill", first.Name+"-control-plane"); err != nil {
		t.Fatal(err)
	}
	o.Keep = false
	third, err := Kind(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	closeCluster(t, third)
	for _, o.Name = range []string{first.Name, third.Name} {
		nothingLeft(t, o)
	}
}

// TestClusterMadeByHandUnderANotedName: a note whose containers are gone does not remove somebody's container of that name.
func TestClusterMadeByHandUnderANotedName(t *testing.T) {
	o := clusterOptions(t)
	ctx := context.Background()
	c, err := Kind(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	noted, ok, err := state.Dir(o.StateDir).Read(o.Name)
	if err != nil || !ok || len(noted.IDs) != 1 {
		t.Fatalf("noted: %+v %v", noted, err)
	}
	closeCluster(t, c)
	theirs := o.Name + "-control-plane"
	err = o.Engine.Run(ctx, "run", "--detach", "--name", theirs, "--label", "io.x-k8s.kind.cluster="+o.Name, "--entrypoint", "sleep", o.NodeImage, "600")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Engine.Run(ctx, "rm", "--force", theirs) }()
	for _, again := range []func(context.Context, string, func(string)) error{Sweep, Clean} {
		if err = state.Dir(o.StateDir).Write(noted); err != nil {
			t.Fatal(err)
		}
		said := ""
		if err = again(ctx, o.StateDir, func(s string) { said += s }); err != nil || !strings.Contains(said, "it is left alone") {
			t.Errorf("%v, said %s", err, said)
		}
		if left, lerr := keeper.Running(ctx, o.Engine, o.Name); lerr != nil || len(left) != 1 {
			t.Errorf("their container: %v %v", left, lerr)
		}
	}
	if err = o.Engine.Run(ctx, "rm", "--force", theirs); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, o)
}

func TestClusterOfSomebodyElse(t *testing.T) {
	o := clusterOptions(t)
	ctx := context.Background()
	const theirs = "meshproof-t-theirs"
	err := o.Engine.Run(ctx, "run", "--detach", "--name", theirs, "--label", "io.x-k8s.kind.cluster="+o.Name, "--entrypoint", "sleep", o.NodeImage, "600")
	if err != nil {
		t.Fatal(err)
	}
	gone := func() { _ = o.Engine.Run(ctx, "rm", "--force", theirs) }
	defer gone()
	_, err = Kind(ctx, o)
	refused(t, err, exitcode.Unavailable, theirs)
	if err := errors.Join(Sweep(ctx, o.StateDir, nil), Clean(ctx, o.StateDir, nil)); err != nil {
		t.Error(err)
	}
	if nodes, err := keeper.Nodes(ctx, o.Engine, o.Name); err != nil || len(nodes) != 1 {
		t.Errorf("their container: %v %v", nodes, err)
	}
	gone()
}
