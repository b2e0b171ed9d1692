package workload

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// Notes are what a user should know about the manifests before the run: what was inferred without a profile, which objects are
// skipped, and pull secrets that pods name but that do not exist, if the pods' images must be pulled.
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
	all := slices.Concat(w.notes, w.needs.notes)
	for _, o := range objects.Workloads() {
		images := w.pulled(o)
		for _, s := range slices.Concat(o.Pod().ImagePullSecrets, accounts[o.Account()]) {
			if !brought[s.Name] && len(images) > 0 {
				all = append(all, fmt.Sprintf("%s names the pull secret %s, which is not in the manifests and not in spec.requires: the nodes must pull %s without it; add the Secret to spec.requires, or say in spec.images where the image comes from",
					o, s.Name, strings.Join(images, ", ")))
			}
		}
	}
	return all
}

// pulled are the images of a workload's containers that the profile does not provide.
func (w *Workload) pulled(o *manifest.Workload) []string {
	var all []string
	for _, c := range o.Containers() {
		if !slices.ContainsFunc(w.Profile.Spec.Images, func(im profile.Image) bool { return im.Is(c.Image) }) && !slices.Contains(all, c.Image) {
			all = append(all, c.Image)
		}
	}
	return all
}
