package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/target/keeper"
)

// importScript loads an archive into a node's containerd unless the image is there. $1 is the image's full name,
// $2 its id or empty, $3 the archive's path in the node or "-" for stdin.
//
// containerd's CRI gives each image a second name, its id (sha256:…); both names point to the same target digest
// when the image is there. ctr's list has the columns REF TYPE DIGEST SIZE…. The snapshotter is what the node's own
// CRI uses, or the image would be unpacked where the kubelet does not find it. Exit 3: the archive must come on stdin.
const importScript = `set -eu
if [ -n "$2" ]; then
  same=$(ctr -n k8s.io images ls "name==$1" "name==$2" | awk 'NR > 1 {n++; d[$3] = 1} END {k = 0; for (x in d) k++; if (n == 2 && k == 1) print "yes"}')
  [ "$same" != yes ] || exit 0
fi
[ "$3" != "?" ] || exit 3
snapshotter=$(containerd config dump | sed -n 's/^ *snapshotter *= *["'"'"']\([a-z-]*\)["'"'"'].*/\1/p' | head -n 1)
exec ctr -n k8s.io images import --digests --snapshotter "${snapshotter:-overlayfs}" "$3" >/dev/null`

// LoadImage loads an image into all nodes of a kind cluster at the same time. Nodes that have it with the same id are skipped. It
// also works for a kind cluster that somebody else created, if its nodes are containers of this engine. For any other cluster the
// error (code 69) says that the image must come from a registry.
func (c *Cluster) LoadImage(ctx context.Context, img Image) error {
	nodes, err := c.containers(ctx)
	if err != nil {
		return fmt.Errorf("load image %s: %w", img.Ref, err)
	}
	begin := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, node := range nodes {
		guard.Go(&wg, func(err error) { errs[i] = err }, func() { errs[i] = c.loadInto(ctx, node, img) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("load image %s: %w", img.Ref, err)
	}
	c.log(fmt.Sprintf("image %s is on %s (%s)", img.Ref, nodeCount(len(nodes)), since(begin)))
	return nil
}

func (c *Cluster) loadInto(ctx context.Context, node string, img Image) error {
	args := func(stdin bool, archive string) []string {
		a := []string{"exec"}
		if stdin {
			a = append(a, "--interactive")
		}
		return append(a, node, "sh", "-c", importScript, "sh", fullName(img.Ref), img.ID, archive)
	}
	if inside, ok := c.sharedPath(img.Tar); ok {
		if err := c.engine.Run(ctx, args(false, inside)...); err != nil {
			return fmt.Errorf("node %s: %w", node, err)
		}
		return nil
	}
	if img.ID != "" { // check before sending a hundred megabytes
		if c.engine.Run(ctx, args(false, "?")...) == nil {
			return nil
		}
	}
	f, err := os.Open(img.Tar)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := c.engine.Stream(ctx, f, nil, args(true, "-")...); err != nil {
		return fmt.Errorf("node %s: %w", node, err)
	}
	return nil
}

// sharedPath is the path of a file of this machine on the nodes, if they have it.
func (c *Cluster) sharedPath(file string) (string, bool) {
	if c.noted.SharedDir == "" {
		return "", false
	}
	dir, err := filepath.EvalSymlinks(c.noted.SharedDir)
	if err != nil {
		return "", false
	}
	if file, err = filepath.EvalSymlinks(file); err != nil {
		return "", false
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return "", false
	}
	return path.Join(SharedMount, filepath.ToSlash(rel)), true
}

// kindName is kind's name for the cluster by its context; empty when the context is not one of kind's.
func (c *Cluster) kindName() string {
	name, ok := strings.CutPrefix(c.Context, "kind-")
	if !ok {
		return ""
	}
	return name
}

// needsRegistry says why images of this machine cannot be loaded into the cluster's nodes, and what to say instead.
func needsRegistry(kubeContext, why string) error {
	return fmt.Errorf("the nodes of context %s can get the images of the run (the agent, and those that the profile lists) from a registry only: %s. Name one with --push HOST/PATH (make: PUSH=HOST/PATH), a repository prefix that you may push to and the nodes may pull from; where the nodes need a password for it, name a pull secret with --pull-secret NAMESPACE/NAME", kubeContext, why)
}

// containers are the node containers. For a cluster that we did not create they are looked up in the engine, and must be exactly
// the nodes that the API server names. If the user may not list these, the API server itself must be in one of the containers.
func (c *Cluster) containers(ctx context.Context) ([]string, error) {
	if c.Owned {
		return c.inNodes, nil
	}
	if c.kindName() == "" {
		return nil, exitcode.With(exitcode.Unavailable, needsRegistry(c.Context, "it is not a kind cluster"))
	}
	if c.engine == nil {
		return nil, exitcode.With(exitcode.Unavailable, needsRegistry(c.Context, "it is a kind cluster, but there is no container engine to reach its nodes"))
	}
	found, err := keeper.Nodes(ctx, c.engine, c.kindName())
	if err != nil {
		return nil, err
	}
	if c.unlisted {
		return c.unlistedNodes(ctx, found)
	}
	isNode := map[string]bool{}
	for _, n := range c.Nodes {
		isNode[n] = true
	}
	var nodes []string
	for _, n := range found { // an external load balancer is a container, and no node
		if isNode[n.Name] {
			nodes = append(nodes, n.Name)
		}
	}
	if len(nodes) != len(c.Nodes) || len(nodes) == 0 {
		return nil, exitcode.With(exitcode.Unavailable, needsRegistry(c.Context, fmt.Sprintf("its nodes (%s) are not containers of %s on this machine (%s)",
			strings.Join(c.Nodes, " "), c.engine.Name(), cmp.Or(strings.Join(keeper.Names(found), " "), "it has none of that cluster"))))
	}
	return nodes, nil
}

// unlistedNodes are those of the containers that are nodes. That they are of this cluster is seen by its API server, which is reached
// by a port of one of them.
func (c *Cluster) unlistedNodes(ctx context.Context, found []keeper.Container) ([]string, error) {
	var nodes []string
	ours := false
	for _, n := range found {
		out, err := c.engine.Output(ctx, "port", n.Name)
		ours = ours || err == nil && c.publishes(string(out))
		// An external load balancer is a container, and no node: it has no kubelet.
		if c.engine.Run(ctx, "exec", n.Name, "sh", "-c", "command -v kubelet") == nil {
			nodes = append(nodes, n.Name)
		}
	}
	if !ours || len(nodes) == 0 {
		return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf("whether the nodes of %s are containers of %s on this machine cannot be told, because you may not list nodes, and its API server %s is in none of them (containers: %s): they must be able to pull the image from a registry",
			c.Context, c.engine.Name(), c.Config.Host, strings.Join(keeper.Names(found), " ")))
	}
	return nodes, nil
}

// publishes reports whether one of a container's published ports ("6443/tcp -> 127.0.0.1:41234") is the API server's address.
func (c *Cluster) publishes(ports string) bool {
	at, err := url.Parse(c.Config.Host)
	if err != nil {
		return false
	}
	for line := range strings.Lines(ports) {
		if _, to, is := strings.Cut(strings.TrimSpace(line), " -> "); is && to == at.Host {
			return true
		}
	}
	return false
}

// preload loads images into the nodes of a cluster that is being created. At first a node does not exist, its containerd does not
// answer at once, and restarts when kind changes its configuration: a failed load is retried until ctx ends.
func (c *Cluster) preload(ctx context.Context, images []Image) error {
	var wg sync.WaitGroup
	errs := make([]error, len(c.inNodes))
	for i, node := range c.inNodes {
		guard.Go(&wg, func(err error) { errs[i] = err }, func() {
			for _, img := range images {
				begin := time.Now()
				errs[i] = await(ctx, time.Second, fmt.Sprintf("image %s on node %s", img.Ref, node), func(ctx context.Context) (bool, string, error) {
					begin = time.Now()
					if err := c.loadInto(ctx, node, img); err != nil {
						var gone *os.PathError
						if errors.As(err, &gone) {
							return false, "", err // the archive, not the node
						}
						return false, err.Error(), nil
					}
					return true, "", nil
				})
				if errs[i] != nil {
					return
				}
				c.log(fmt.Sprintf("image %s is on node %s (%s)", img.Ref, node, since(begin)))
			}
			c.smallTables(ctx, node)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// smallTables gives each pod on the node a TCP connection table of its own, with a thousand entries. Otherwise all pods share the
// machine's, with a quarter of a million, and reading a pod's connections scans all of it: with thirty pods that took a tenth of
// two cores (measured). Kernels before 6.1 have no such setting and share the table.
func (c *Cluster) smallTables(ctx context.Context, node string) {
	_ = c.engine.Run(ctx, "exec", node, "sh", "-c", "echo 1024 > /proc/sys/net/ipv4/tcp_child_ehash_entries")
}

// fullName is the name under which containerd's CRI knows a reference: with a registry and a tag.
func fullName(ref string) string {
	full, err := reference.ParseDockerRef(ref)
	if err != nil {
		return ref // the node does not accept it either, and reports that
	}
	return full.String()
}
