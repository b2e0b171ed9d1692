package target

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/target/state"
)

// The tests below make real clusters and take minutes:
//
//	MESHPROOF_TARGET_TEST=1 MESHPROOF_TARGET_NODE=localhost/…  go test -run Cluster -v ./e2e/target
//
// MESHPROOF_TARGET_NODE names a node image with a pod network of its own that is in the engine's store;
// MESHPROOF_TARGET_IMAGE an archive to load ("REF ID PATH").

func clusterOptions(t *testing.T) Options {
	t.Helper()
	if os.Getenv("MESHPROOF_TARGET_TEST") == "" {
		t.Skip("makes real clusters; MESHPROOF_TARGET_TEST=1 runs it")
	}
	base := t.TempDir()
	log := func(s string) { t.Logf("%s %s", time.Now().Format("15:04:05.000"), s) }
	e, err := engine.Find(context.Background(), engine.Options{StateDir: filepath.Join(base, "state"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Engine: e, StateDir: filepath.Join(base, "state"), Name: "meshproof-t", NodeImage: os.Getenv("MESHPROOF_TARGET_NODE"),
		OwnPodNetwork: true, LogsDir: filepath.Join(base, "logs"), Log: log,
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := Clean(ctx, o.StateDir, log); err != nil {
			t.Errorf("clean: %v", err)
		}
		nothingLeft(t, o)
	})
	return o
}

// nothingLeft: no container, no volume, no note, no keeper.
func nothingLeft(t *testing.T, o Options) {
	t.Helper()
	for _, w := range whatIsLeft(o) {
		t.Error("left: " + w)
	}
}

func whatIsLeft(o Options) []string {
	ctx := context.Background()
	var left []string
	nodes, err := keeper.Nodes(ctx, o.Engine, o.Name)
	if err != nil {
		left = append(left, err.Error())
	}
	for _, n := range nodes {
		left = append(left, "container "+n.Name)
	}
	if o.Engine.Name() == engine.Podman {
		var out []byte
		out, err = o.Engine.Output(ctx, "ps", "--all", "--external", "--format", "{{.Names}}")
		if err != nil {
			left = append(left, err.Error())
		}
		for _, n := range strings.Fields(string(out)) {
			if strings.HasPrefix(n, o.Name+"-") {
				left = append(left, "external container "+n)
			}
		}
		for _, n := range containerNames(o.Name, 3) {
			out, err = o.Engine.Output(ctx, "volume", "ls", "--quiet", "--filter", "label="+n+"=true")
			if err != nil || len(bytes.TrimSpace(out)) > 0 {
				left = append(left, fmt.Sprintf("volume of %s: %s %v", n, out, err))
			}
		}
	}
	// What a name server of podman's network still says of our nodes breaks the names of everybody's.
	if b, rerr := os.ReadFile("/run/containers/networks/aardvark-dns/" + keeper.Network); rerr == nil && strings.Contains(string(b), " "+o.Name+"-") {
		left = append(left, "names in podman's name server:\n"+string(b))
	}
	all, broken, err := state.Dir(o.StateDir).List()
	if err != nil || len(all)+len(broken) > 0 {
		left = append(left, fmt.Sprintf("notes: %v %v %v", all, broken, err))
	}
	if alive, err := state.Dir(o.StateDir).KeeperAlive(o.Name); alive || err != nil {
		left = append(left, fmt.Sprintf("keeper: %v %v", alive, err))
	}
	return left
}

func closeCluster(t *testing.T, c *Cluster) {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
	t.Logf("close took %s", since(begin))
}

func TestClusterLives(t *testing.T) {
	o := clusterOptions(t)
	home := filepath.Join(t.TempDir(), "kubeconfig")
	const sacred = "apiVersion: v1\nkind: Config\ncurrent-context: mine\n"
	if err := os.WriteFile(home, []byte(sacred), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", home)
	img := testImage(t)
	if img.Tar != "" {
		o.SharedDir = filepath.Dir(img.Tar)
		o.Preload = []Image{img}
	}
	ctx := context.Background()
	begin := time.Now()
	c, err := Kind(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %s: %+v", since(begin), c.Provenance)
	if err = c.WaitDNS(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("DNS after %s", since(begin))
	if len(c.Nodes) != 1 || c.Nodes[0] != "meshproof-t-control-plane" || !strings.HasPrefix(c.Provenance.Kubernetes, "v1.") || c.Provenance.NodeImageID == "" {
		t.Errorf("nodes %v, %+v", c.Nodes, c.Provenance)
	}
	if img.Tar != "" {
		begin = time.Now()
		if err = c.LoadImage(ctx, img); err != nil {
			t.Error(err)
		}
		t.Logf("loading what is there took %s", since(begin))
		if time.Since(begin) > 3*time.Second {
			t.Error("an image that is there was loaded again")
		}
	}
	asExisting(t, o, c, img)
	logs := t.TempDir()
	if err = c.CollectLogs(ctx, logs); err != nil {
		t.Error(err)
	}
	for _, f := range []string{"nodes.json", "events.json", "meshproof-t-control-plane/kubelet.log", "meshproof-t-control-plane/pods.tar.gz"} {
		if st, serr := os.Stat(filepath.Join(logs, f)); serr != nil || st.Size() == 0 {
			t.Errorf("log %s: %v", f, serr)
		}
	}
	_, err = Kind(ctx, o)
	refused(t, err, exitcode.Unavailable, "another run uses the cluster meshproof-t")
	closeCluster(t, c)
	nothingLeft(t, o)
	if b, rerr := os.ReadFile(home); rerr != nil || string(b) != sacred {
		t.Errorf("the user's kubeconfig was changed: %v\n%s", rerr, b)
	}
}

func testImage(t *testing.T) Image {
	t.Helper()
	f := strings.Fields(os.Getenv("MESHPROOF_TARGET_IMAGE"))
	if len(f) != 3 {
		return Image{}
	}
	return Image{Ref: f[0], ID: f[1], Tar: f[2]}
}

// asExisting uses the running cluster as somebody else's: by its kubeconfig, with a stream instead of a shared path.
func asExisting(t *testing.T, o Options, c *Cluster, img Image) {
	t.Helper()
	ctx := context.Background()
	x, err := Existing(ctx, ExistingOptions{Kubeconfig: c.KubeconfigPath, Context: c.Context, Engine: o.Engine, Log: o.Log})
	if err != nil {
		t.Fatal(err)
	}
	if x.Owned || len(x.Nodes) != 1 || x.Provenance.Kubernetes != c.Provenance.Kubernetes {
		t.Errorf("existing: %+v", x)
	}
	if img.Tar != "" {
		img.ID = ""
		if err = x.LoadImage(ctx, img); err != nil {
			t.Error(err)
		}
	}
	if err = x.Close(ctx); err != nil {
		t.Error(err)
	}
	set, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.CoreV1().Nodes().List(ctx, metav1.ListOptions{}); err != nil {
		t.Errorf("closing an existing cluster did something to it: %v", err)
	}
}

func TestClusterOfThreeNodes(t *testing.T) {
	o := clusterOptions(t)
	o.Nodes = 3
	begin := time.Now()
	c, err := Kind(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %s", since(begin))
	if strings.Join(c.Nodes, " ") != "meshproof-t-control-plane meshproof-t-worker meshproof-t-worker2" {
		t.Errorf("nodes %v", c.Nodes)
	}
	closeCluster(t, c)
	nothingLeft(t, o)
}
