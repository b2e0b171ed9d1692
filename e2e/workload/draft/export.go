package draft

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/e2e-framework/klient/k8s/resources"
	sigsyaml "sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/workload"
)

// exported are the kinds of objects of an application, in the order in which they are created.
var exported = []schema.GroupVersionKind{
	{Version: "v1", Kind: "ServiceAccount"}, {Version: "v1", Kind: "ConfigMap"}, {Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "Service"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "Role"}, {Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "RoleBinding"},
	{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}, {Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"},
	{Group: "apps", Version: "v1", Kind: "StatefulSet"}, {Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"},
}

// Export writes the objects of an application that runs in a namespace to a new folder, one file for each, so that they can be
// created in another cluster. It changes nothing in the cluster. It writes only Secrets that a pod names, with their keys and
// without their values: the cookie is a new one, the user must fill in the others.
func Export(ctx context.Context, cfg *rest.Config, namespace, dir string) error {
	r, err := resources.New(cfg)
	if err != nil {
		return err
	}
	return export(ctx, r.GetControllerRuntimeClient(), namespace, dir)
}

func export(ctx context.Context, api client.Client, namespace, dir string) error {
	var all []unstructured.Unstructured
	for _, gvk := range exported {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(gvk)
		if err := api.List(ctx, list, client.InNamespace(namespace)); err != nil && !meta.IsNoMatchError(err) {
			return exitcode.With(exitcode.Unavailable, fmt.Errorf("namespace %s: %w", namespace, err))
		}
		all = append(all, list.Items...)
	}
	all = slices.DeleteFunc(all, func(o unstructured.Unstructured) bool {
		return generated(&o) || o.GetKind() == "Secret" && !podNames(all, o.GetName())
	})
	if !slices.ContainsFunc(all, func(o unstructured.Unstructured) bool {
		return o.GetKind() == "Deployment" || o.GetKind() == "StatefulSet"
	}) {
		return exitcode.With(exitcode.Usage, fmt.Errorf("namespace %s has no Deployment or StatefulSet (or does not exist): `kubectl get deploy,sts -A` lists those that there are", namespace))
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return exitcode.With(exitcode.Usage, fmt.Errorf("the manifests are written to a new folder: %w; name another place with -o", err))
	}
	for i := range all {
		bare(&all[i])
		y, err := sigsyaml.Marshal(all[i].Object)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, strings.ToLower(all[i].GetKind())+"-"+all[i].GetName()+".yaml"), y, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// generated reports whether Kubernetes or an operator creates the object, in each namespace or for another object.
func generated(o *unstructured.Unstructured) bool {
	switch o.GetKind() + "/" + o.GetName() {
	case "ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "Service/kubernetes":
		return true
	}
	return len(o.GetOwnerReferences()) > 0
}

// podNames reports whether a pod of one of the workloads refers to that name.
func podNames(all []unstructured.Unstructured, name string) bool {
	return slices.ContainsFunc(all, func(o unstructured.Unstructured) bool {
		return (o.GetKind() == "Deployment" || o.GetKind() == "StatefulSet") && mentions(dict(o.Object["spec"])["template"], name)
	})
}

// bare removes what the cluster has added, and the values of Secrets.
func bare(o *unstructured.Unstructured) {
	m := map[string]any{"name": o.GetName()}
	if l := o.GetLabels(); len(l) > 0 {
		m["labels"] = l
	}
	notes := o.GetAnnotations()
	for _, k := range append([]string{"deployment.kubernetes.io/revision"}, workload.Copies...) {
		delete(notes, k)
	}
	if len(notes) > 0 {
		m["annotations"] = notes
	}
	o.Object["metadata"] = m
	delete(o.Object, "status")
	spec := dict(o.Object["spec"])
	delete(dict(dict(spec["template"])["metadata"]), "creationTimestamp")
	switch o.GetKind() {
	case "Service":
		if spec["clusterIP"] != "None" {
			delete(spec, "clusterIP")
		}
		for _, k := range []string{"clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"} {
			delete(spec, k)
		}
		ports, _ := spec["ports"].([]any)
		for _, p := range ports {
			delete(dict(p), "nodePort")
		}
	case "Secret":
		values := map[string]any{}
		for k := range dict(o.Object["data"]) {
			values[k] = "CHANGE-ME"
			if k == ".dockerconfigjson" {
				values[k] = `{"auths":{}}` // the API server reads it
			}
			if workload.SaysCookie(k) {
				values[k] = rand.Text()
			}
		}
		delete(o.Object, "data")
		o.Object["stringData"] = values
	case "ServiceAccount":
		delete(o.Object, "secrets")
	}
}

func dict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}
