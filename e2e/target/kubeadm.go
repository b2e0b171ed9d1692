package target

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"meshproof.dev/meshproof/e2e/target/state"
)

// Settings that make a single control plane start faster. It needs no leader election, but the first attempt comes before its
// permissions exist and the second 3.7 s later; and the controller manager sends some 100 requests for its service accounts
// before it does anything, at 20 per second by default. Depending on kubeadm's API version (kind uses v1beta4 for Kubernetes 1.36
// and later) the arguments are a list, which a patch replaces as a whole (the first element is kind's own), or a map.
const (
	quickBeta4 = `apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
controllerManager:
  extraArgs:
  - {name: enable-hostpath-provisioner, value: "true"}
  - {name: leader-elect, value: "false"}
  - {name: kube-api-qps, value: "500"}
  - {name: kube-api-burst, value: "500"}
%sscheduler:
  extraArgs:
  - {name: leader-elect, value: "false"}
`
	quickBeta3 = `apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
controllerManager:
  extraArgs: {leader-elect: "false", kube-api-qps: "500", kube-api-burst: "500"%s}
%sscheduler:
  extraArgs: {leader-elect: "false"}
`
)

// quickStart are the patches of kubeadm's configuration. In a cluster that is to lose a node, the pods of a lost node are replaced after
// half a minute: by default Kubernetes waits 50 s until a node counts as lost, and five minutes more before its pods are deleted. A node
// renews its lease every ten seconds, and may be late on a busy machine: other clusters keep the defaults.
func quickStart(loseNode bool) []string {
	beta4, beta3, tolerations := "", "", ""
	if loseNode {
		beta4 = `  - {name: node-monitor-grace-period, value: 25s}
apiServer:
  extraArgs:
  - {name: runtime-config, value: ""}
  - {name: default-not-ready-toleration-seconds, value: "5"}
  - {name: default-unreachable-toleration-seconds, value: "5"}
`
		beta3 = `, node-monitor-grace-period: 25s`
		tolerations = `apiServer:
  extraArgs: {default-not-ready-toleration-seconds: "5", default-unreachable-toleration-seconds: "5"}
`
	}
	return []string{fmt.Sprintf(quickBeta4, beta4), fmt.Sprintf(quickBeta3, beta3, tolerations)}
}

// patchesMount is the directory in the control plane with the patches that kubeadm applies to what it deploys.
const patchesMount = "/meshproof-kubeadm"

// coreDNSPatch lets CoreDNS reach the API server by its node's address instead of the Service "kubernetes".
//
// kubeadm deploys CoreDNS and kube-proxy at once, and CoreDNS starts first. Until kube-proxy has written its rules,
// 10.96.0.1 is an address like any other and leaves the node: on one host the connection hangs for 30 s, on
// another a proxy answers with its own certificate. CoreDNS backs off each time, and is probed only every 10 s:
// from a ready node to a DNS that answers it took 6 to 20 s. What it serves does not change.
const coreDNSPatch = `spec:
  template:
    spec:
      nodeSelector: {node-role.kubernetes.io/control-plane: ""}
      containers:
      - name: coredns
        env:
        - name: KUBERNETES_SERVICE_HOST
          valueFrom: {fieldRef: {fieldPath: status.hostIP}}
        - name: KUBERNETES_SERVICE_PORT
          value: "6443"
        readinessProbe:
          periodSeconds: 1
`

var minorVersion = regexp.MustCompile(`(?:^|:)v1\.([0-9]+)\.`)

// kubeadmPatches writes the patches and returns their directory, or nothing if the node's kubeadm does not support them: the target
// corednsdeployment exists since Kubernetes 1.32.
func kubeadmPatches(o Options) (string, error) {
	version := o.Kubernetes
	if version == "" {
		version = o.NodeImage
	}
	m := minorVersion.FindStringSubmatch(version)
	if m == nil {
		return "", nil
	}
	if minor, err := strconv.Atoi(m[1]); err != nil || minor < 32 {
		return "", nil
	}
	dir, err := filepath.Abs(filepath.Join(o.StateDir, "kubeadm"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// In one step: kubeadm of another run's cluster may be reading it.
	return dir, state.Replace(filepath.Join(dir, "corednsdeployment+strategic.yaml"), []byte(coreDNSPatch), 0o644)
}
