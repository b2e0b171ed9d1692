// Package target provides the cluster for a run: a kind cluster of ours, created and owned by a keeper process, or an existing one
// by its kubeconfig context.
//
// In: options, a container engine, the state directory. Out: a Cluster with a REST configuration, its nodes and its components.
// Whatever happens to the harness, a cluster of ours is removed unless it is kept on purpose. The user's own kubeconfig is read for
// existing clusters and never written. Errors with code 69 say that this machine or cluster cannot host the run, errors with code
// 70 that our own cluster did not start.
package target

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
)

// prefix begins the name of every cluster of ours; Sweep and Clean touch no other.
const prefix = "meshproof"

// SharedMount is the path of Options.SharedDir on a node of ours, read-only.
const SharedMount = "/meshproof"

// IP is the family of a cluster's addresses.
type IP string

// The families. A cluster of both gives each pod one address of each, the IPv4 address first.
const (
	IPv4 IP = "4"
	IPv6 IP = "6"
	Dual IP = "dual"
)

// Set takes the family as a user writes it.
func (ip *IP) Set(s string) error {
	switch f := IP(s); f {
	case IPv4, IPv6, Dual:
		*ip = f
		return nil
	}
	return errors.New("it must be 4, 6 or dual")
}

// Image is a container image in an archive on this machine.
type Image struct {
	// Ref is the name that pods use, as in the archive: "localhost/meshproof/derl:1".
	Ref string
	// ID is the digest of the image's configuration ("sha256:…"), which containerd's CRI calls the image id. A node
	// that has Ref with this ID does not get it again. Empty: always load.
	ID string
	// Tar is the archive (docker or OCI archive). Below Options.SharedDir it is read by the nodes themselves,
	// which is quicker than a stream through the engine.
	Tar string
}

// Options describe a kind cluster of ours.
type Options struct {
	Engine *engine.Engine `json:"-"` // required, see engine.Find
	// StateDir has the records of our clusters, their kubeconfigs and locks. Required.
	StateDir string

	Name      string // default: a random one, or that of the kept cluster; must begin with "meshproof"
	Nodes     int    // default 1: a control plane that also runs pods; more: workers beside it
	LoseNode  bool   // a node is going to be cut off: Kubernetes has to notice that soon
	NodeImage string // required; pulled when the engine's store does not have it
	// Kubernetes is the version in the node image ("v1.37.2"), if the caller knows it; otherwise it is read from the
	// image's tag if that is one. With an unknown version, some settings that make a cluster start faster are not used.
	Kubernetes string
	// OwnPodNetwork says that the node image brings its pod network, so that kind must install none. Our own node
	// image does; a pulled kindest/node has kindnet, which kind installs.
	OwnPodNetwork bool
	// IP is the family of the addresses of nodes, pods and Services; "": IPv4.
	IP IP
	// SharedDir is a directory of this machine that the nodes see read-only at SharedMount; empty: none.
	SharedDir string
	// Kubeadm are patches of kubeadm's configuration beside our own, in the form that kind takes.
	Kubeadm []string
	// Preload are images that are loaded while the control plane is still starting. Kind returns when they are in.
	Preload []Image

	// Keep keeps the cluster for the next run when it is closed. The next run uses it if it is healthy and was created with the
	// same options, else deletes it. StateDir has one such cluster: while another run uses that, or is going to keep its own, this
	// run creates one that is not kept. Cluster.Keep changes it later.
	Keep bool
	// LogsDir gets the nodes' logs if the cluster does not start; empty: they are lost.
	LogsDir string
	// Timeout limits the creation of the cluster until its nodes are ready; default 5 min.
	Timeout time.Duration
	// Log gets progress lines, from several goroutines but one at a time.
	Log func(string) `json:"-"`
}

// validName keeps node names valid as host names: kind adds "-control-plane".
var validName = regexp.MustCompile(`^` + prefix + `[a-z0-9-]{0,36}$`)

func (o *Options) complete() error {
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.IP == "" {
		o.IP = IPv4
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	o.Log = oneAtATime(o.Log)
	// The keeper and the engine have working directories of their own.
	for _, p := range []*string{&o.StateDir, &o.SharedDir, &o.LogsDir} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	switch {
	case o.Engine == nil || o.StateDir == "" || o.NodeImage == "":
		return exitcode.With(exitcode.Internal, fmt.Errorf("target: engine, state directory and node image are required"))
	case o.Name != "" && !validName.MatchString(o.Name):
		return exitcode.With(exitcode.Usage, fmt.Errorf("cluster name %q must be %q, optionally followed by at most 36 lower-case letters, digits and dashes", o.Name, prefix))
	case o.Nodes < 1 || o.Nodes > 20:
		return exitcode.With(exitcode.Usage, fmt.Errorf("a cluster of %d nodes: it must have between 1 and 20", o.Nodes))
	case families[o.IP] == "":
		return exitcode.With(exitcode.Usage, fmt.Errorf("addresses of family %q: it must be 4, 6 or dual", o.IP))
	}
	return nil
}

// newName is a name that no other cluster has: whatever has it on an engine is of the run that chose it.
func newName() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return prefix + "-" + hex.EncodeToString(b)
}

// containerNames are the names that kind gives the nodes: NAME-control-plane, NAME-worker, NAME-worker2 …
func containerNames(name string, nodes int) []string {
	names := []string{name + "-control-plane"}
	for i := 1; i < nodes; i++ {
		n := name + "-worker"
		if i > 1 {
			n = fmt.Sprintf("%s%d", n, i)
		}
		names = append(names, n)
	}
	return names
}
