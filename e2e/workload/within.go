package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/ownership"
)

// Within finds what would stop the workload from being deployed to an existing namespace that it must not leave, and changes
// nothing: objects that belong elsewhere (code 64), objects of a name that is taken, and neighbours that it would mix with
// (code 69). notes are what a reader of the report has to know about the neighbours.
func (w *Workload) Within(ctx context.Context, client kubernetes.Interface, namespace string) (notes []string, err error) {
	all := w.everything()
	l := &locator{client: client}
	if l.mapper, err = mapperOf(client); err != nil {
		return nil, err
	}
	if err = l.inside(all, namespace); err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	if err = l.free(ctx, all.Documents, namespace); err != nil {
		return nil, err
	}
	return neighbours(ctx, client, all, namespace)
}

// Free returns an error (code 69) if an object of the workload that is outside of all namespaces exists already.
func (w *Workload) Free(ctx context.Context, client kubernetes.Interface) error {
	mapper, err := mapperOf(client)
	if err != nil {
		return err
	}
	l := &locator{client: client, mapper: mapper}
	var wide []*manifest.Document
	for _, d := range w.everything().Documents {
		if d.Kind != "Namespace" && l.scope(d) == meta.RESTScopeNameRoot { // for namespaces see Taken
			wide = append(wide, d)
		}
	}
	return l.free(ctx, wide, "")
}

// everything is what the workload creates, with what it requires.
func (w *Workload) everything() *manifest.Set {
	return &manifest.Set{Documents: slices.Concat(w.rendered.before.Documents, w.rendered.now.Documents)}
}

// Now is what the workload deploys, without namespace and images.
func (w *Workload) Now() *manifest.Set { return w.rendered.now }

// Required is what it creates before.
func (w *Workload) Required() *manifest.Set { return w.rendered.before }

// locator knows where objects are on a cluster.
type locator struct {
	client kubernetes.Interface
	mapper meta.RESTMapper
}

func mapperOf(client kubernetes.Interface) (meta.RESTMapper, error) {
	groups, err := restmapper.GetAPIGroupResources(client.Discovery())
	if err != nil {
		return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf("which kinds the cluster has: %w", err))
	}
	return restmapper.NewDiscoveryRESTMapper(groups), nil
}

// mapping is the object's place in the API, nil if the cluster does not have its kind.
func (l *locator) mapping(d *manifest.Document) *meta.RESTMapping {
	gv, err := schema.ParseGroupVersion(d.APIVersion)
	if err != nil {
		return nil
	}
	m, err := l.mapper.RESTMapping(schema.GroupKind{Group: gv.Group, Kind: d.Kind}, gv.Version)
	if err != nil {
		return nil
	}
	return m
}

// scope is the scope of the object's kind, "" if the cluster does not have the kind: such an object is not created.
func (l *locator) scope(d *manifest.Document) meta.RESTScopeName {
	if m := l.mapping(d); m != nil {
		return m.Scope.Name()
	}
	return ""
}

// inside refuses objects that would be outside of the namespace.
func (l *locator) inside(all *manifest.Set, namespace string) error {
	var outside []string
	for _, d := range all.Documents {
		place := ""
		if at := d.At(); at != "" {
			place = " (" + at + ")"
		}
		switch {
		case l.scope(d) == meta.RESTScopeNameRoot:
			outside = append(outside, d.String()+place+", which is in no namespace")
		case d.Namespace != "" && d.Namespace != namespace:
			outside = append(outside, fmt.Sprintf("%s%s, which belongs in namespace %s", d, place, d.Namespace))
		}
	}
	if len(outside) == 0 {
		return nil
	}
	return fmt.Errorf("with namespace %s the run creates nothing outside of it, but the manifests contain %s. Leave this out of the manifests, or run without --namespace", namespace, strings.Join(outside, "; "))
}

// free returns an error if one of the objects exists already.
func (l *locator) free(ctx context.Context, all []*manifest.Document, namespace string) error {
	var errs []error
	for _, d := range all {
		m := l.mapping(d)
		if m == nil {
			continue
		}
		there, err := l.get(ctx, m, namespace, d.Name)
		if err != nil || there == nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, isTaken(strings.ToLower(d.Kind)+" "+d.Name, namespace, there.Labels[ownership.Label]))
	}
	return errors.Join(errs...)
}

// get is the metadata of an object, nil if there is none.
func (l *locator) get(ctx context.Context, m *meta.RESTMapping, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	parts := []string{"/apis", m.Resource.Group, m.Resource.Version}
	if m.Resource.Group == "" {
		parts = []string{"/api", m.Resource.Version}
	}
	if m.Scope.Name() == meta.RESTScopeNameNamespace {
		parts = append(parts, "namespaces", namespace)
	}
	raw, err := l.client.CoreV1().RESTClient().Get().AbsPath(append(parts, m.Resource.Resource, name)...).
		SetHeader("Accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1").DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	there := &metav1.PartialObjectMetadata{}
	if err == nil {
		err = json.Unmarshal(raw, there)
	}
	if err != nil {
		return nil, fmt.Errorf("whether %s %s exists: %w", m.Resource.Resource, name, err)
	}
	return there, nil
}

// isTaken is the error about an object that exists already; run is the run of meshproof that created it, "" if none did.
func isTaken(what, namespace, run string) error {
	by, where := "is not ours", ""
	if run != "" {
		by = "was created by run " + run + " of meshproof"
	}
	if namespace != "" {
		where = " in namespace " + namespace
	}
	return exitcode.With(exitcode.Unavailable, fmt.Errorf("%s exists%s and %s; it was not changed. Use a cluster or a namespace without it, or another name in the manifests", what, where, by))
}

// neighbours refuses a namespace with pods of others that the workload's objects would select, and with Services of others that would
// select the workload's pods. Which policies of others apply to these is a note.
func neighbours(ctx context.Context, client kubernetes.Interface, all *manifest.Set, namespace string) (notes []string, err error) {
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("pods of namespace %s: %w", namespace, err)
	}
	services, err := client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("services of namespace %s: %w", namespace, err)
	}
	var errs []error
	for _, d := range all.Documents {
		if selects := selectorOf(d); selects != nil {
			if picked := selected(selects, pods.Items); len(picked) > 0 {
				errs = append(errs, fmt.Errorf("%s of the manifests (selector %s) would select pods of namespace %s that are not of this run: %s", d, selects, namespace, strings.Join(picked, ", ")))
			}
		}
	}
	for i := range services.Items {
		s := &services.Items[i]
		for _, m := range all.Workloads() {
			if len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(m.Labels())) {
				errs = append(errs, fmt.Errorf("service %s of namespace %s (selector %s) is not of this run and would send its clients to the pods of %s", s.Name, namespace, labels.Set(s.Spec.Selector), m))
			}
		}
	}
	if len(errs) > 0 {
		return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf("%w\nNothing was changed. Use a namespace without them, or other labels in the manifests", errors.Join(errs...)))
	}
	if n := len(pods.Items); n > 0 {
		notes = append(notes, fmt.Sprintf("namespace %s has %d pods of others; they are not observed, and no selector of the manifests matches them", namespace, n))
	}
	return append(notes, policies(ctx, client, all, namespace)...), nil
}

// policies names the NetworkPolicies of others that apply to the workload's pods. Where they cannot be listed the right is missing,
// which is said elsewhere.
func policies(ctx context.Context, client kubernetes.Interface, all *manifest.Set, namespace string) (notes []string) {
	there, err := client.NetworkingV1().NetworkPolicies(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	for i := range there.Items {
		p := &there.Items[i]
		selects, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err == nil && slices.ContainsFunc(all.Workloads(), func(m *manifest.Workload) bool { return selects.Matches(labels.Set(m.Labels())) }) {
			notes = append(notes, fmt.Sprintf("NetworkPolicy %s of namespace %s applies to the pods of this run", p.Name, namespace))
		}
	}
	return notes
}

// selectorOf is how an object selects pods, nil if it selects none.
func selectorOf(d *manifest.Document) labels.Selector {
	spec := dict(d.Raw["spec"])
	switch d.Kind {
	case "Service":
		set := labels.Set{}
		for k, v := range dict(spec["selector"]) {
			set[k] = text(v)
		}
		if len(set) == 0 {
			return nil
		}
		return labels.SelectorFromSet(set)
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "PodDisruptionBudget", "NetworkPolicy":
		field := spec["selector"]
		if d.Kind == "NetworkPolicy" {
			field = spec["podSelector"]
		}
		raw, err := json.Marshal(field)
		var s metav1.LabelSelector
		if err != nil || field == nil || json.Unmarshal(raw, &s) != nil {
			return nil
		}
		if selects, err := metav1.LabelSelectorAsSelector(&s); err == nil {
			return selects
		}
	}
	return nil
}

// selected are the names of the pods that a selector matches.
func selected(by labels.Selector, pods []corev1.Pod) (names []string) {
	for i := range pods {
		if by.Matches(labels.Set(pods[i].Labels)) {
			names = append(names, pods[i].Name)
		}
	}
	return names
}
