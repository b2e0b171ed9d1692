package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/profile"
)

// Notes are what a reader has to know of the manifests before a cluster is asked: what was decided about them where no profile
// does, what of them is left out, and pull secrets that pods name and that nobody brings, where images of theirs have to be pulled.
func (w *Workload) Notes() ([]string, error) {
	y, err := w.Render("", nil)
	if err != nil {
		return nil, err
	}
	before, err := w.RenderRequires(nil)
	if err != nil {
		return nil, err
	}
	objects, err := documents(slices.Concat(y, []byte("\n---\n"), before))
	if err != nil {
		return nil, err
	}
	brought, accounts := map[string]bool{}, map[string][]string{}
	for _, o := range objects {
		name := text(dict(o["metadata"])["name"])
		switch o["kind"] {
		case "Secret":
			brought[name] = true
		case "ServiceAccount":
			accounts[name] = secretNames(o["imagePullSecrets"])
		}
	}
	all := slices.Clone(w.notes)
	for _, o := range objects {
		spec := podSpec(o)
		images := w.pulled(spec)
		account := cmp.Or(text(spec["serviceAccountName"]), "default")
		for _, s := range append(secretNames(spec["imagePullSecrets"]), accounts[account]...) {
			if !brought[s] && len(images) > 0 {
				all = append(all, fmt.Sprintf("%s %s names the pull secret %s, which is neither among the manifests nor required: the nodes have to get %s without it; add the Secret to spec.requires, or say in spec.images how the image is had",
					o["kind"], text(dict(o["metadata"])["name"]), s, strings.Join(images, ", ")))
			}
		}
	}
	return all, nil
}

func secretNames(v any) []string {
	var all []string
	list, _ := v.([]any)
	for _, x := range list {
		all = append(all, text(dict(x)["name"]))
	}
	return all
}

// pulled are the images of a pod's containers that the profile does not bring.
func (w *Workload) pulled(pod map[string]any) []string {
	var all []string
	for _, key := range []string{"initContainers", "containers"} {
		list, _ := pod[key].([]any)
		for _, c := range list {
			ref := text(dict(c)["image"])
			if !slices.ContainsFunc(w.Profile.Spec.Images, func(im profile.Image) bool { return im.Is(ref) }) && !slices.Contains(all, ref) {
				all = append(all, ref)
			}
		}
	}
	return all
}
