package elsewhere

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/registry/registrytest"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// cluster is one that no run made: its notes are in a folder that no run knows.
type cluster struct {
	*target.Cluster
	client kubernetes.Interface
	engine *engine.Engine
	node   string // its only node's container
}

// somebody makes a cluster. kubeadm are patches of its configuration.
func somebody(t *testing.T, root, name string, kubeadm ...string) *cluster {
	t.Helper()
	o := environment.Options{Log: func(s string) { t.Log(s) }}
	ws, err := workload.Loader{Fixtures: filepath.Join(root, "fixtures")}.LoadAll(t.Context(), []string{"dns-a"})
	if err != nil {
		t.Fatal(err)
	}
	made, err := environment.Images(t.Context(), &o, ws[0])
	if err != nil {
		t.Fatal(err)
	}
	c, err := target.Kind(t.Context(), target.Options{
		Engine: made.Engine, StateDir: t.TempDir(), Name: "meshproof-" + name, NodeImage: made.Node.Ref, OwnPodNetwork: made.OwnPodNetwork(), Kubeadm: kubeadm, Log: o.Log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closing, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		if err := c.Close(closing); err != nil {
			t.Error(err)
		}
	})
	if err := c.WaitDNS(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &cluster{c, kubernetes.NewForConfigOrDie(c.Config), made.Engine, c.Name + "-control-plane"}
}

// on are the flags for the cluster.
func (c *cluster) on() []string {
	return []string{"--context", c.Context, "--kubeconfig", c.KubeconfigPath}
}

// exec runs a shell script in the node.
func (c *cluster) exec(t *testing.T, script string, args ...string) string {
	t.Helper()
	out, err := c.engine.Output(t.Context(), append([]string{"exec", c.node, "sh", "-euc", script, "sh"}, args...)...)
	if err != nil {
		t.Fatalf("in the node: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// gateway is this machine's address as the node sees it.
func (c *cluster) gateway(t *testing.T) string {
	t.Helper()
	return c.exec(t, `ip -4 route show default | awk '{print $3; exit}'`)
}

// trust lets the node's containerd pull from a registry: without TLS, or with a certificate of its authority
// (https://github.com/containerd/containerd/blob/main/docs/hosts.md).
func (c *cluster) trust(t *testing.T, r *registrytest.Registry, ca *registrytest.Authority) {
	t.Helper()
	scheme, authority := "http", ""
	if ca != nil {
		scheme, authority = "https", ca.PEM
	}
	c.exec(t, `
dir=/etc/containerd/certs.d/$1
mkdir -p "$dir"
printf '[host."%s://%s"]\ncapabilities = ["pull", "resolve"]\n' "$2" "$1" >"$dir/hosts.toml"
if [ -n "$3" ]; then printf '%s' "$3" >"$dir/ca.crt"; echo "ca = \"$dir/ca.crt\"" >>"$dir/hosts.toml"; fi
if ! grep -q certs.d /etc/containerd/config.toml; then
  printf '\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/etc/containerd/certs.d"\n' >>/etc/containerd/config.toml
  systemctl restart containerd
fi
until ctr version >/dev/null 2>&1; do sleep 0.2; done`, r.Host, scheme, authority)
}

// images are the names of the node's images.
func (c *cluster) images(t *testing.T) []string {
	t.Helper()
	return strings.Fields(c.exec(t, "ctr -n k8s.io images ls -q"))
}

// pulled checks that the node has pulled an image of the run from the registry, and that none was loaded into it.
func (c *cluster) pulled(t *testing.T, ref string) {
	t.Helper()
	all := c.images(t)
	if !slices.Contains(all, ref) {
		t.Errorf("the node has not pulled %s: it has\n  %s", ref, strings.Join(all, "\n  "))
	}
	for _, have := range all {
		if strings.HasPrefix(have, "localhost/meshproof/") {
			t.Errorf("%s was loaded into the node", have)
		}
	}
}

// nothingLeft checks that no run has left anything in the cluster that is seen by its label.
func (c *cluster) nothingLeft(t *testing.T) {
	t.Helper()
	ours := metav1.ListOptions{LabelSelector: "meshproof.dev/run"}
	var left []string
	namespaces, err := c.client.CoreV1().Namespaces().List(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	for i := range namespaces.Items {
		left = append(left, "namespace "+namespaces.Items[i].Name)
	}
	secrets, err := c.client.CoreV1().Secrets("").List(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	for i := range secrets.Items {
		left = append(left, fmt.Sprintf("secret %s/%s", secrets.Items[i].Namespace, secrets.Items[i].Name))
	}
	if len(left) > 0 {
		t.Errorf("left: %s", strings.Join(left, ", "))
	}
}

// results is the text of every file that the last run has written.
func (p program) results(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(p.root, "reports", "out", "latest"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
