package workload

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// Notes are what a reader has to know of the manifests before a cluster is asked: what was decided about them where no profile
// does, what of them is left out, and pull secrets that pods name and that nobody brings, where images of theirs have to be pulled.
func (w *Workload) Notes() []string {
	objects := manifest.Join(w.rendered.now, w.rendered.before)
	brought, accounts := map[string]bool{}, map[string][]corev1.LocalObjectReference{}
	for _, d := range objects.Documents {
		switch o := d.Object.(type) {
		case *corev1.Secret:
			brought[d.Name] = true
		case *corev1.ServiceAccount:
			accounts[d.Name] = o.ImagePullSecrets
		}
	}
	all := slices.Clone(w.notes)
	for _, o := range objects.Workloads() {
		images := w.pulled(o)
		for _, s := range slices.Concat(o.Pod().ImagePullSecrets, accounts[o.Account()]) {
			if !brought[s.Name] && len(images) > 0 {
				all = append(all, fmt.Sprintf("%s names the pull secret %s, which is neither among the manifests nor required: the nodes have to get %s without it; add the Secret to spec.requires, or say in spec.images how the image is had",
					o, s.Name, strings.Join(images, ", ")))
			}
		}
	}
	return all
}

// pulled are the images of a workload's containers that the profile does not bring.
func (w *Workload) pulled(o *manifest.Workload) []string {
	var all []string
	for _, c := range o.Containers() {
		if !slices.ContainsFunc(w.Profile.Spec.Images, func(im profile.Image) bool { return im.Is(c.Image) }) && !slices.Contains(all, c.Image) {
			all = append(all, c.Image)
		}
	}
	return all
}
