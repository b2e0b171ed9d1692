package draft

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	sigsyaml "sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/workload"
)

// Live makes workloads of the objects that run in a namespace, those of each cluster of nodes together, as [Plain] does of manifests.
// chosen says which workloads are meant: the clusters that contain one of them are returned, whether it mentions Erlang or not. nil:
// all clusters of nodes that mention it.
func Live(l workload.Loader, namespace string, objects []unstructured.Unstructured, chosen func(w *manifest.Workload) bool) ([]*workload.Workload, error) {
	d := &draft{dir: ".", where: "namespace " + namespace, lint: true}
	var text strings.Builder
	desired := map[string]int{}
	for i := range objects {
		o := objects[i].DeepCopy()
		if o.GetKind() == "ConfigMap" && o.GetName() == "kube-root-ca.crt" {
			continue
		}
		if n, there, _ := unstructured.NestedInt64(o.Object, "status", "desiredNumberScheduled"); there {
			desired[o.GetKind()+"/"+o.GetName()] = int(n)
		}
		bare(o)
		o.SetNamespace(namespace)
		y, err := sigsyaml.Marshal(o.Object)
		if err != nil {
			return nil, err
		}
		text.WriteString("---\n" + string(y))
	}
	if text.Len() > 0 {
		if err := d.add(manifest.Input{Name: d.where, Line: func(int) string { return d.where }, Data: []byte(text.String()), Stream: true}); err != nil {
			return nil, err
		}
	}
	if err := d.choosing(namespace, chosen); err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	var all []*workload.Workload
	var broken []error
	for _, nodes := range d.clusters() {
		if chosen != nil && !slices.ContainsFunc(nodes, chosen) {
			continue
		}
		w, err := d.plain(workload.Stdin, nodes)
		if err != nil {
			broken = append(broken, fmt.Errorf("%s: %w", nodes[0], err))
			continue
		}
		for i := range w.Resolved.Workloads {
			one := &w.Resolved.Workloads[i]
			if n, there := desired[one.Kind+"/"+one.Name]; there {
				one.Replicas = n
			}
		}
		if w.Resolved.Replicas() > 1 {
			w.Resolved.Expect.Topology = profile.FullMesh
		}
		w.Resolved.Namespace = namespace
		all = append(all, w)
	}
	if len(all) == 0 {
		return nil, exitcode.With(exitcode.Usage, errors.Join(broken...))
	}
	return all, nil
}

// choosing separates the nodes from all else; what is chosen is a node.
func (d *draft) choosing(namespace string, chosen func(w *manifest.Workload) bool) error {
	d.sort()
	if chosen != nil {
		for _, w := range slices.Clone(d.others) {
			if chosen(w) {
				d.nodes = append(d.nodes, w)
				d.others = slices.DeleteFunc(d.others, func(o *manifest.Workload) bool { return o == w })
			}
		}
	}
	switch {
	case len(d.nodes)+len(d.others) == 0:
		return fmt.Errorf("namespace %s has no Deployment, StatefulSet or DaemonSet, or does not exist: `kubectl get deploy,sts,ds -A` lists those that there are", namespace)
	case chosen != nil && !slices.ContainsFunc(d.nodes, chosen):
		return fmt.Errorf("it is not in namespace %s, which has %s", namespace, list(slices.Concat(d.nodes, d.others)))
	case len(d.nodes) == 0:
		return fmt.Errorf("none of %s in namespace %s mentions Erlang (a port epmd or 4369, a variable such as RELEASE_COOKIE, -setcookie): name the one that is meant, as in deploy/NAME", list(d.others), namespace)
	}
	return nil
}
