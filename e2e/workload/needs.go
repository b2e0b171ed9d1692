package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// archLabel is the label of a Node with its architecture (https://kubernetes.io/docs/reference/labels-annotations-taints/).
const archLabel = "kubernetes.io/arch"

// Needs are what a cluster that is not ours needs of the pods, so that its nodes can pull and start the images that were pushed for
// them. The zero value changes nothing.
type Needs struct {
	PullSecret   string            // name of a Secret in the pods' namespace; "" the nodes need none
	Architecture map[string]string // by image: where not all nodes have it

	notes []string
}

// Need makes the workload render what the cluster needs from now on.
func (w *Workload) Need(n Needs) {
	n.notes = nil
	for _, ref := range slices.Sorted(maps.Keys(n.Architecture)) {
		n.notes = append(n.notes, fmt.Sprintf("the image %s is for %s, and not all nodes are known to be: its pods get the node selector %s=%s", ref, n.Architecture[ref], archLabel, n.Architecture[ref]))
	}
	w.needs = n
}

// meet changes the pods of the objects.
func (n Needs) meet(all *manifest.Set) *manifest.Set {
	if n.PullSecret == "" && len(n.Architecture) == 0 {
		return all
	}
	accounts := map[string][]any{}
	for _, d := range all.Documents {
		if d.Kind == "ServiceAccount" {
			accounts[d.Name], _ = d.Raw["imagePullSecrets"].([]any)
		}
	}
	return edited(all, func(o map[string]any) {
		if pod := podOf(o); pod != nil {
			n.pull(pod, accounts)
			n.place(pod)
		}
	})
}

// pull adds the pull secret. A pod that names one itself does not get those of its ServiceAccount, so these are added, too.
func (n Needs) pull(pod map[string]any, accounts map[string][]any) {
	if n.PullSecret == "" {
		return
	}
	list, _ := pod["imagePullSecrets"].([]any)
	if len(list) == 0 {
		account, _ := pod["serviceAccountName"].(string)
		if account == "" {
			account = "default"
		}
		list = slices.Clone(accounts[account])
	}
	pod["imagePullSecrets"] = append(list, map[string]any{"name": n.PullSecret})
}

// place selects the nodes of the architecture that an image is for, unless the pod selects one itself.
func (n Needs) place(pod map[string]any) {
	for _, key := range []string{"initContainers", "containers"} {
		list, _ := pod[key].([]any)
		for _, c := range list {
			ref, _ := dict(c)["image"].(string)
			arch := n.Architecture[ref]
			if arch == "" {
				continue
			}
			selector := dict(pod["nodeSelector"])
			if selector == nil {
				selector = map[string]any{}
			}
			if selector[archLabel] == nil {
				selector[archLabel] = arch
			}
			pod["nodeSelector"] = selector
		}
	}
}

// podOf is the pod, or the template of pods, in an object of Kubernetes' own kinds; nil if it has none.
func podOf(o map[string]any) map[string]any {
	version, _ := o["apiVersion"].(string)
	kind, _ := o["kind"].(string)
	if group, _, _ := strings.Cut(version, "/"); version != "v1" && group != "apps" && group != "batch" {
		return nil
	}
	spec := dict(o["spec"])
	switch kind {
	case "Pod":
		return spec
	case "CronJob":
		spec = dict(dict(spec["jobTemplate"])["spec"])
		fallthrough
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job":
		return dict(dict(spec["template"])["spec"])
	}
	return nil
}
