package ownership

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/guard"
)

// object is one object that has our label.
type object struct {
	metav1.ObjectMeta
	kind     schema.GroupVersionResource
	singular string // "namespace"
}

func (o *object) String() string {
	if o.Namespace != "" {
		return fmt.Sprintf("%s %s in namespace %s", o.singular, o.Name, o.Namespace)
	}
	return o.singular + " " + o.Name
}

func (o *object) run() string { return o.Labels[Label] }

// cluster is a cluster, or one namespace of it, with what finding and removing needs.
type cluster struct {
	cfg       *rest.Config
	client    kubernetes.Interface
	metadata  metadata.Interface
	namespace string // "" for all of it
}

func newCluster(cfg *rest.Config) (*cluster, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.WarningHandler = rest.NoWarnings{} // that a kind is deprecated, of each that is listed
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	meta, err := metadata.NewForConfig(cfg)
	return &cluster{cfg: cfg, client: client, metadata: meta}, err
}

// atOnce is how many kinds are listed at the same time.
const atOnce = 8

// always are the kinds that every run makes, beside those in its namespaces.
var always = []string{"namespaces", "clusterroles", "clusterrolebindings"} //nolint:gochecknoglobals // a list that nothing changes

// find returns all objects with our label, of every kind that can be listed and deleted; run is the label's value, "" any. wide
// leaves out the objects that lie in namespaces, but for Leases: a run within a namespace has nothing outside of it. unseen are the kinds that could not be listed: a cluster may have kinds of its
// users that do not answer. It is an error only where those are concerned that every run makes.
func (c *cluster) find(ctx context.Context, run string, wide bool) (all []*object, unseen []string, err error) {
	selector := Label
	if run != "" {
		selector += "=" + run
	}
	kinds, unseen, err := c.kinds(wide)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	places := make(chan struct{}, atOnce)
	failed := func(bug error) {
		mu.Lock()
		defer mu.Unlock()
		err = errors.Join(err, bug)
	}
	for _, k := range kinds {
		places <- struct{}{}
		guard.Go(&wg, failed, func() {
			defer func() { <-places }()
			found, unlisted := c.list(ctx, k, selector)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, found...)
			switch {
			case unlisted == nil, apierrors.IsNotFound(unlisted), apierrors.IsMethodNotSupported(unlisted):
			case !Refused(unlisted) && slices.Contains(always, k.kind.Resource):
				err = errors.Join(err, fmt.Errorf("list %s: %w", k.kind.Resource, unlisted))
			default:
				unseen = append(unseen, k.kind.Resource)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(all, func(a, b *object) int {
		return cmp.Or(strings.Compare(a.run(), b.run()), strings.Compare(a.String(), b.String()))
	})
	slices.Sort(unseen)
	return all, unseen, err
}

func (c *cluster) list(ctx context.Context, k object, selector string) (found []*object, err error) {
	list, err := c.metadata.Resource(k.kind).Namespace(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		o := k
		if o.ObjectMeta = list.Items[i].ObjectMeta; o.Labels[Label] != "" {
			found = append(found, &o)
		}
	}
	return found, nil
}

// kinds are the kinds that can be listed and deleted, as objects without a name. unseen are the groups that do not answer.
func (c *cluster) kinds(wide bool) (all []object, unseen []string, err error) {
	lists, err := c.client.Discovery().ServerPreferredResources()
	var failed *discovery.ErrGroupDiscoveryFailed
	switch {
	case errors.As(err, &failed):
		for g := range failed.Groups {
			unseen = append(unseen, g.String())
		}
	case err != nil:
		return nil, nil, fmt.Errorf("which kinds the cluster has: %w", err)
	}
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			return nil, nil, err
		}
		for i := range l.APIResources {
			r := &l.APIResources[i]
			if !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") ||
				wide && r.Namespaced && r.Name != "leases" || c.namespace != "" && !r.Namespaced {
				continue
			}
			all = append(all, object{kind: gv.WithResource(r.Name), singular: cmp.Or(r.SingularName, strings.ToLower(r.Kind))})
		}
	}
	return all, unseen, nil
}
