package profile

import "meshproof.dev/meshproof/e2e/manifest"

// resolve is [Resolve] of manifests as text.
func resolve(p *Profile, manifests string) (*Resolved, error) {
	objects, err := manifest.Rendered([]byte(manifests)).Parse()
	if err != nil {
		return nil, err
	}
	return Resolve(p, objects)
}
