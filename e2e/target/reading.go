package target

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// Access is how to read a cluster that exists.
type Access struct {
	Context   string
	Namespace string // the given one, or that of the context, or "default"
	Config    *rest.Config
	Client    kubernetes.Interface
}

// requestTimeout limits one request of an Access. Streams have limits of their own.
const requestTimeout = 20 * time.Second

// Reading is access to a cluster for who only reads it. As with kubectl, "" is the current context and its namespace. Nothing is asked
// of the cluster. The error has code 69 if there is no such context; it lists those that exist.
func Reading(kubeconfig, contextName, namespace string) (*Access, error) {
	a, err := reading(kubeconfig, contextName, namespace)
	return a, exitcode.With(exitcode.Unavailable, err)
}

func reading(kubeconfig, contextName, namespace string) (*Access, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: contextName})
	raw, err := loaded.RawConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	name := cmp.Or(contextName, raw.CurrentContext)
	have := strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
	switch _, known := raw.Contexts[name]; {
	case known || name == "" && len(raw.Contexts) == 0: // without any, it may run in a pod
	case name == "":
		return nil, fmt.Errorf("the kubeconfig has no current context: name one of %s with --context", have)
	case have == "":
		return nil, fmt.Errorf("no context %q: the kubeconfig has none; name the file with --kubeconfig", name)
	default:
		return nil, fmt.Errorf("no context %q: the kubeconfig has %s", name, have)
	}
	cfg, err := loaded.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errors.New("there is no kubeconfig: name the file with --kubeconfig")
	}
	if err != nil {
		return nil, fmt.Errorf("context %s: %w", name, err)
	}
	cfg.QPS, cfg.Burst = 100, 200
	cfg.UserAgent = "meshproof"
	short := rest.CopyConfig(cfg)
	short.Timeout = requestTimeout
	client, err := kubernetes.NewForConfig(short)
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		if namespace, _, err = loaded.Namespace(); err != nil {
			return nil, err
		}
	}
	return &Access{Context: cmp.Or(name, "(in the cluster)"), Namespace: namespace, Config: cfg, Client: client}, nil
}
