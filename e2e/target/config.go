package target

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	"sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/engine"
)

// traits are properties of the host that also apply to a node in a container on it.
type traits struct {
	cgroupV1      bool // the host mounts cgroup v1 (or v1 and v2 side by side)
	noSysResource bool // the bounding set lacks CAP_SYS_RESOURCE: no process may lower its oom_score_adj
	noModules     bool // there is no /lib/modules
}

// hostTraits reads the traits of the host with that root directory ("/" except in tests). If the engine runs in a virtual machine
// (macOS), nothing is assumed to be missing there.
func hostTraits(root string) (traits, error) {
	var t traits
	if runtime.GOOS != "linux" {
		return t, nil
	}
	// https://docs.kernel.org/admin-guide/cgroup-v2.html: the file is there in the root of a cgroup v2 hierarchy.
	if _, err := os.Stat(filepath.Join(root, "sys/fs/cgroup/cgroup.controllers")); errors.Is(err, fs.ErrNotExist) {
		t.cgroupV1 = true
	} else if err != nil {
		return t, err
	}
	if _, err := os.Stat(filepath.Join(root, "lib/modules")); errors.Is(err, fs.ErrNotExist) {
		t.noModules = true
	}
	f, err := os.Open(filepath.Join(root, "proc/self/status"))
	if err != nil {
		return t, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		if hex, ok := strings.CutPrefix(in.Text(), "CapBnd:"); ok {
			set, perr := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
			if perr != nil {
				return t, perr
			}
			const capSysResource = 24 // linux/capability.h
			t.noSysResource = set&(1<<capSysResource) == 0
		}
	}
	return t, in.Err()
}

// If containerd may not lower an OOM score below its own, it must not try. The name of the CRI plugin in its configuration depends
// on the version (kind applies only the patch with the node's version).
var restrictOOMScore = []string{
	"version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n",
	"version = 3\n[plugins.\"io.containerd.cri.v1.runtime\"]\n  restrict_oom_score_adj = true\n",
	"version = 4\n[plugins.\"io.containerd.cri.v1.runtime\"]\n  restrict_oom_score_adj = true\n",
}

// families are kind's words for them.
var families = map[IP]v1alpha4.ClusterIPFamily{IPv4: v1alpha4.IPv4Family, IPv6: v1alpha4.IPv6Family, Dual: v1alpha4.DualStackFamily}

// kindConfig renders the kind configuration of a cluster on such a host. The caller gives what only makes it quicker: patches is
// the directory of kubeadm's own patches (empty: none), kubeadm are patches of its configuration.
func kindConfig(o Options, t traits, patches string, kubeadm ...string) (string, error) {
	noSearch := []string{}
	c := v1alpha4.Cluster{
		TypeMeta: v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
		Name:     o.Name,
		Networking: v1alpha4.Networking{
			DisableDefaultCNI: o.OwnPodNetwork,
			// The host's search domains would be in every pod's resolv.conf: what a name resolves to would depend on the
			// machine.
			DNSSearch: &noSearch,
			// No APIServerPort: kind finds a free one on 127.0.0.1.
		},
	}
	// An IPv4 cluster's configuration says nothing of it, as before: a kept one is taken over.
	if o.IP == IPv6 || o.IP == Dual {
		c.Networking.IPFamily = families[o.IP]
		// Whatever the nodes' family is, this machine reaches the API server as it always does.
		c.Networking.APIServerAddress = "127.0.0.1"
	}
	kubelet := map[string]any{"kind": "KubeletConfiguration"}
	if t.cgroupV1 {
		kubelet["failCgroupV1"] = false // Kubernetes 1.35 on refuses cgroup v1 otherwise
	}
	if t.noSysResource {
		kubelet["featureGates"] = map[string]bool{"KubeletInUserNamespace": true} // ignores what it may not set (KEP-2033)
		c.ContainerdConfigPatches = restrictOOMScore
	}
	c.KubeadmConfigPatches = append(c.KubeadmConfigPatches, kubeadm...)
	if patches != "" {
		c.KubeadmConfigPatches = append(c.KubeadmConfigPatches, "kind: InitConfiguration\npatches: {directory: "+patchesMount+"}\n")
	}
	if len(kubelet) > 1 {
		b, err := yaml.Marshal(kubelet)
		if err != nil {
			return "", err
		}
		c.KubeadmConfigPatches = append(c.KubeadmConfigPatches, string(b))
	}
	for i := range o.Nodes {
		n := v1alpha4.Node{Role: v1alpha4.WorkerRole, Image: o.NodeImage}
		if i == 0 {
			n.Role = v1alpha4.ControlPlaneRole
		}
		if o.SharedDir != "" {
			n.ExtraMounts = []v1alpha4.Mount{{HostPath: o.SharedDir, ContainerPath: SharedMount, Readonly: true}}
		}
		if i == 0 && patches != "" {
			n.ExtraMounts = append(n.ExtraMounts, v1alpha4.Mount{HostPath: patches, ContainerPath: patchesMount, Readonly: true})
		}
		c.Nodes = append(c.Nodes, n)
	}
	b, err := yaml.Marshal(c)
	return string(b), err
}

// modulesDir is the empty directory that replaces /lib/modules; empty if it is not needed.
func modulesDir(o Options, t traits) (string, error) {
	if !t.noModules || o.Engine.Name() != engine.Podman {
		return "", nil
	}
	return filepath.Abs(filepath.Join(o.StateDir, "no-modules"))
}
