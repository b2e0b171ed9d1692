package draft

import (
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

// runs reports whether an object of that kind keeps pods running that may be nodes.
func runs(kind string) bool {
	return profile.Runs(kind) || kind == "ReplicationController" || kind == "Pod"
}

// withoutOwned leaves out what a controller in the same manifests makes: "kubectl get -o yaml" prints a Deployment, its ReplicaSets
// and their Pods, and only the first of them is the application's.
func withoutOwned(all *manifest.Set) *manifest.Set {
	left := &manifest.Set{}
	for _, o := range all.Documents {
		if !owned(all, o) {
			left.Documents = append(left.Documents, o)
		}
	}
	return left
}

func owned(all *manifest.Set, o *manifest.Document) bool {
	meta, _ := o.Raw["metadata"].(map[string]any)
	refs, _ := meta["ownerReferences"].([]any)
	return slices.ContainsFunc(refs, func(r any) bool {
		ref, _ := r.(map[string]any)
		kind, _ := ref["kind"].(string)
		name, _ := ref["name"].(string)
		if kind == "Job" || all.Find(kind, o.Namespace, name) != nil {
			return true
		}
		// The ReplicaSet of a Deployment, which is not always there itself, has the Deployment's name and a hash.
		at := strings.LastIndexByte(name, '-')
		return kind == "ReplicaSet" && at > 0 && all.Find("Deployment", o.Namespace, name[:at]) != nil
	})
}
