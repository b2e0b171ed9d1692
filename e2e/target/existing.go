package target

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership"
)

// ExistingOptions name a cluster that exists.
type ExistingOptions struct {
	Kubeconfig string // empty: KUBECONFIG or ~/.kube/config, as kubectl has it
	Context    string // never empty: the current one is nobody's choice
	Namespace  string // for CleanExisting: only this one, with rights in it alone; empty: all
	// Engine is needed only to load images into an existing kind cluster; nil: there is none.
	Engine  *engine.Engine
	Timeout time.Duration // how long the API server may take to answer; default 15 s
	Log     func(string)
}

// Existing connects to a cluster by its kubeconfig context; neither it nor Close changes anything in the cluster. The error has
// code 69 if there is no such context (it lists those that exist) or the cluster does not answer (it says what was seen).
func Existing(ctx context.Context, o ExistingOptions) (*Cluster, error) {
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	c, err := existing(ctx, o)
	return c, exitcode.With(exitcode.Unavailable, err)
}

func existing(ctx context.Context, o ExistingOptions) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if o.Kubeconfig != "" {
		rules.ExplicitPath = o.Kubeconfig
	}
	path := o.Kubeconfig
	if path == "" {
		path = strings.Join(rules.Precedence, string(os.PathListSeparator))
	}
	raw, err := rules.Load()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	have := "it has none: name the file with --kubeconfig, or leave the context out, and a cluster is made"
	if len(raw.Contexts) > 0 {
		have = "it has " + strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ") + ": name one of them"
	}
	name := o.Context
	if name == "" {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("no context of %s is named, and the current one is not taken unasked; %s", path, have))
	}
	known, ok := raw.Contexts[name]
	if !ok {
		return nil, fmt.Errorf("no context %q in %s; %s", name, path, have)
	}
	cfg, set, err := connect(o.Kubeconfig, name)
	if err != nil {
		return nil, fmt.Errorf("context %s: %w", name, err)
	}
	c := &Cluster{
		Name: known.Cluster, Context: name, KubeconfigPath: path, Config: cfg,
		engine: o.Engine, log: oneAtATime(o.Log),
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("no answer within %s", o.Timeout))
	defer cancel()
	if err := c.look(ctx, set); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return nil, fmt.Errorf("context %s: the cluster at %s cannot be used: %w; see what `kubectl --context %s get nodes` says", name, cfg.Host, err, name)
	}
	return c, nil
}

// CleanExisting removes from a cluster that is not ours what dead runs have left. The error has code 70 if something is still there.
func CleanExisting(ctx context.Context, o ExistingOptions) error {
	c, err := Existing(ctx, o)
	if err != nil {
		return err
	}
	if o.Namespace != "" {
		return ownership.SweepWithin(ctx, c.Config, o.Namespace, true, c.log)
	}
	return ownership.Sweep(ctx, c.Config, true, c.log)
}

// look reads the version and the nodes. A user without permission to list nodes can still use the cluster.
func (c *Cluster) look(ctx context.Context, set *kubernetes.Clientset) error {
	if err := c.version(ctx, set); err != nil {
		return err
	}
	list, err := set.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		if permanent(err) != nil {
			c.unlisted = true
			c.log("warning: cannot list the nodes: " + err.Error())
			return nil
		}
		return fmt.Errorf("list the nodes: %w", err)
	}
	for i := range list.Items {
		c.Nodes = append(c.Nodes, list.Items[i].Name)
	}
	slices.Sort(c.Nodes)
	if len(list.Items) > 0 {
		c.noteNode(&list.Items[0])
	}
	return nil
}

// Architectures are those of the cluster's Linux nodes ("amd64"), sorted; none if the user may not list the nodes.
func Architectures(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		if permanent(err) != nil {
			return nil, nil
		}
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	var all []string
	for i := range list.Items {
		if info := &list.Items[i].Status.NodeInfo; info.OperatingSystem == "linux" {
			all = append(all, info.Architecture)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// describe writes the API server's nodes and events to dir as JSON, but not the pods: their environment may contain secrets.
func (c *Cluster) describe(ctx context.Context, dir string) error {
	set, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	if err = os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("no answer within 20 s"))
	defer cancel()
	nodes, nerr := set.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	events, eerr := set.CoreV1().Events(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	return errors.Join(
		writeJSON(filepath.Join(dir, "nodes.json"), nodes, nerr),
		writeJSON(filepath.Join(dir, "events.json"), events, eerr),
	)
}

func writeJSON(path string, v any, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
