package workload

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/manifest"
)

// localConfig is the annotation of objects that are for kustomize itself, and are deployed nowhere.
const localConfig = "config.kubernetes.io/local-config"

// asWritten are the objects of the sources, of which nothing is changed. kustomize would give the same, but it compares each object
// with all others: with two thousand of them that takes three seconds.
func asWritten(sources []source) (*manifest.Set, error) {
	all, first := &manifest.Set{}, map[string]*manifest.Document{}
	for _, s := range sources {
		objects := s.objects
		if objects == nil {
			var err error
			if objects, err = s.Parse(); err != nil {
				return nil, err
			}
		}
		for _, d := range objects.Documents {
			if a := dict(dict(d.Raw["metadata"])["annotations"]); a[localConfig] != nil && text(a[localConfig]) != "false" {
				continue
			}
			// As kustomize has it, an object without a namespace is in default.
			key := id(d)
			if d.Namespace == "default" {
				key = id(&manifest.Document{APIVersion: d.APIVersion, Kind: d.Kind, Name: d.Name})
			}
			if before := first[key]; before != nil {
				return nil, fmt.Errorf("%s: %s occurs twice, first at %s: remove one of them", d.At(), d, before.At())
			}
			first[key] = d
			all.Documents = append(all.Documents, d)
		}
	}
	return all, nil
}
