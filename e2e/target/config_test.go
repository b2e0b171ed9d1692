package target

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"
)

func TestHostTraits(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("hosts other than Linux have no traits")
	}
	cases := []struct {
		name  string
		files map[string]string
		want  traits
	}{
		{"plain", map[string]string{"sys/fs/cgroup/cgroup.controllers": "cpu", "lib/modules/x": "", "proc/self/status": "CapBnd:\t000001ffffffffff\n"}, traits{}},
		{"nested", map[string]string{"proc/self/status": "Name:\tx\nCapBnd:\t000001fffeffffff\n"}, traits{true, true, true}},
		{"cgroup v1 only", map[string]string{"lib/modules/x": "", "proc/self/status": "CapBnd:\t000001ffffffffff\n"}, traits{cgroupV1: true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for f, content := range c.files {
				p := filepath.Join(root, f)
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := hostTraits(root)
			if err != nil || got != c.want {
				t.Errorf("hostTraits = %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestKindConfig(t *testing.T) {
	o := Options{Name: "meshproof-x", Nodes: 3, NodeImage: "localhost/node:1", OwnPodNetwork: true, SharedDir: "/cache"}
	text, err := kindConfig(o, traits{cgroupV1: true, noSysResource: true}, "/state/kubeadm")
	if err != nil {
		t.Fatal(err)
	}
	var c v1alpha4.Cluster
	if err = yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if c.Name != "meshproof-x" || !c.Networking.DisableDefaultCNI || c.Networking.APIServerPort != 0 {
		t.Errorf("name or networking: %s", text)
	}
	if c.Networking.DNSSearch == nil || len(*c.Networking.DNSSearch) != 0 {
		t.Errorf("the host's search domains reach the pods:\n%s", text)
	}
	if len(c.Nodes) != 3 || c.Nodes[0].Role != v1alpha4.ControlPlaneRole || c.Nodes[1].Role != v1alpha4.WorkerRole {
		t.Fatalf("nodes:\n%s", text)
	}
	if m := c.Nodes[0].ExtraMounts; len(m) != 2 || m[1].HostPath != "/state/kubeadm" || !strings.Contains(text, "directory: "+patchesMount) {
		t.Errorf("kubeadm's patches are not where it looks:\n%s", text)
	}
	for _, n := range c.Nodes {
		if n.Image != o.NodeImage || len(n.ExtraMounts) == 0 || n.ExtraMounts[0].HostPath != "/cache" || n.ExtraMounts[0].ContainerPath != SharedMount || !n.ExtraMounts[0].Readonly {
			t.Errorf("node %+v", n)
		}
	}
	if all := strings.Join(c.KubeadmConfigPatches, "---\n"); !strings.Contains(all, "failCgroupV1: false") || !strings.Contains(all, "KubeletInUserNamespace: true") {
		t.Errorf("kubelet: %s", all)
	}
	if c.Networking.IPFamily != "" || c.Networking.APIServerAddress != "" {
		t.Errorf("a cluster of IPv4 says so, and a kept one is not taken over: %s", text)
	}
	for ip, want := range map[IP]v1alpha4.ClusterIPFamily{IPv4: "", IPv6: v1alpha4.IPv6Family, Dual: v1alpha4.DualStackFamily} {
		o.IP = ip
		six, bad := kindConfig(o, traits{}, "")
		var made v1alpha4.Cluster
		if bad == nil {
			bad = yaml.UnmarshalStrict([]byte(six), &made)
		}
		if bad != nil || made.Networking.IPFamily != want || (want != "") != (made.Networking.APIServerAddress == "127.0.0.1") {
			t.Errorf("IP=%s: %v\n%s", ip, bad, six)
		}
	}
	if len(c.ContainerdConfigPatches) == 0 {
		t.Error("containerd may lower oom scores")
	}

	text, err = kindConfig(Options{Name: "meshproof", Nodes: 1, NodeImage: "kindest/node:v1.37.2"}, traits{}, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"failCgroupV1", "KubeletInUserNamespace", "containerdConfigPatches", "extraMounts", "disableDefaultCNI"} {
		if strings.Contains(text, not) {
			t.Errorf("a plain host's configuration has %s:\n%s", not, text)
		}
	}
}

func TestContainerNames(t *testing.T) {
	got := strings.Join(containerNames("meshproof", 4), " ")
	if got != "meshproof-control-plane meshproof-worker meshproof-worker2 meshproof-worker3" {
		t.Error(got)
	}
}

func TestFullName(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0123", 16)
	for in, want := range map[string]string{
		"localhost/meshproof/derl:1":         "localhost/meshproof/derl:1",
		"localhost/derl":                     "localhost/derl:latest",
		"registry:5000/derl":                 "registry:5000/derl:latest",
		"registry.example/me/derl" + digest:  "registry.example/me/derl" + digest,
		"registry.example/coredns/coredns:1": "registry.example/coredns/coredns:1",
		"no reference":                       "no reference",
	} {
		if got := fullName(in); got != want {
			t.Errorf("fullName(%q) = %q, want %q", in, got, want)
		}
	}
	// The registry that a short name stands for is the library's to know.
	for in, end := range map[string]string{"derl:1": "/library/derl:1", "me/derl": "/me/derl:latest"} {
		if got := fullName(in); !strings.HasSuffix(got, end) || got == end {
			t.Errorf("fullName(%q) = %q, which does not end in %q after a registry", in, got, end)
		}
	}
}

func TestPatchesOnlyWhereKubeadmKnowsThem(t *testing.T) {
	for _, c := range []struct {
		version, image string
		want           bool
	}{
		{"v1.37.2", "localhost/node:dev", true},
		{"v1.31.9", "localhost/node:dev", false},
		{"", "kindest/node:v1.37.2@sha256:0123", true},
		{"", "kindest/node:v1.31.4", false},
		{"", "localhost/node:dev", false},
		{"v2.0.0", "", false},
	} {
		o := Options{StateDir: t.TempDir(), Kubernetes: c.version, NodeImage: c.image}
		dir, err := kubeadmPatches(o)
		if err != nil || (dir != "") != c.want {
			t.Errorf("%s %s: %q, %v; want patches: %v", c.version, c.image, dir, err, c.want)
		}
		if dir != "" {
			if files, rerr := os.ReadDir(dir); rerr != nil || len(files) != 1 {
				t.Errorf("%v %v", files, rerr)
			}
		}
	}
}

// TestPlainConfigIsWhatOneWouldWrite: the benchmark must not measure against a cluster that has our own remedies.
func TestPlainConfigIsWhatOneWouldWrite(t *testing.T) {
	o := options(t)
	plain, err := PlainConfig(o)
	if err != nil {
		t.Fatal(err)
	}
	quick, err := kindConfig(o, traits{}, "/state/kubeadm", quickStart(false)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, ours := range []string{"kube-api-qps", "leader-elect", patchesMount} {
		if strings.Contains(plain, ours) || !strings.Contains(quick, ours) {
			t.Errorf("%s: in the plain configuration %v, in ours %v", ours, strings.Contains(plain, ours), strings.Contains(quick, ours))
		}
	}
}

// Only a cluster that is to lose a node notices that soon: on a busy machine a node may seem lost that is not.
func TestAClusterThatIsToLoseANode(t *testing.T) {
	o := options(t)
	for _, lose := range []bool{false, true} {
		c, err := kindConfig(o, traits{}, "/state/kubeadm", quickStart(lose)...)
		if err != nil {
			t.Fatal(err)
		}
		for _, says := range []string{"node-monitor-grace-period, value: 25s", "node-monitor-grace-period: 25s", `default-unreachable-toleration-seconds, value: "5"`, `default-unreachable-toleration-seconds: "5"`} {
			if strings.Contains(c, says) != lose {
				t.Errorf("it is to lose a node: %v, and it says %q: %v", lose, says, !lose)
			}
		}
	}
}

func TestOnlyAWorkerOfAClusterOfOursIsCutOff(t *testing.T) {
	c := &Cluster{Owned: true, inNodes: []string{"b-control-plane", "b-worker"}}
	for node, may := range map[string]bool{"b-control-plane": false, "b-worker": true, "other": false} {
		if c.MayCutOff(node) != may {
			t.Errorf("%s may be cut off: %v", node, !may)
		}
	}
	if c.Owned = false; c.MayCutOff("b-worker") || c.CutOff(t.Context(), "b-worker", time.Minute) == nil {
		t.Error("a node of somebody's cluster is cut off")
	}
}
