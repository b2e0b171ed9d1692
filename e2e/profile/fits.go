package profile

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Fits returns an error if the profile names something that its manifests do not contain, or if they cannot form a cluster.
// r is the result of [Resolve]; rollout are the manifests of the next version, requires those that are applied before the
// application (nil: none).
func (p *Profile) Fits(r *Resolved, objects, rollout, requires *manifest.Set) error {
	if err := p.cookie(manifest.Join(objects, requires)); err != nil {
		return err
	}
	if err := p.tls(manifest.Join(objects, requires)); err != nil {
		return err
	}
	if err := p.images(manifest.Join(objects, rollout, requires)); err != nil {
		return err
	}
	for _, w := range objects.Workloads() {
		if err := ports(w); err != nil {
			return at(w.At(), err)
		}
	}
	return at(objects.Find(r.Workloads[0].Kind, "", r.Workloads[0].Name).At(), r.enough())
}

func at(place string, err error) error {
	if place == "" || err == nil {
		return err
	}
	return fmt.Errorf("%s: %w", place, err)
}

// cookie looks for the Secret and the key that hold the cookie.
func (p *Profile) cookie(objects *manifest.Set) error {
	ref := p.Spec.Cookie.SecretKeyRef
	var secrets, have []string
	found := false
	for _, o := range objects.Of("Secret") {
		secrets = append(secrets, o.Name)
		if o.Name != ref.Name {
			continue
		}
		found = true
		// Read untyped: a value that is not base64 cannot be decoded into the typed object.
		data, _ := o.Raw["data"].(map[string]any)
		plain, _ := o.Raw["stringData"].(map[string]any)
		coded, _ := data[ref.Key].(string)
		raw, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return fmt.Errorf("%s: key %q of Secret %s is not valid base64; encode it, or move it to stringData as plain text", p.At("spec", "cookie", "secretKeyRef", "key"), ref.Key, ref.Name)
		}
		_, there := data[ref.Key]
		v, plainly := plain[ref.Key]
		switch {
		case plainly && v != nil && v != "", len(raw) > 0:
			return nil
		case there, plainly:
			return fmt.Errorf("%s: key %q of Secret %s is empty; it must contain the cookie", p.At("spec", "cookie", "secretKeyRef", "key"), ref.Key, ref.Name)
		}
		have = append(slices.AppendSeq(have, maps.Keys(data)), slices.Collect(maps.Keys(plain))...)
	}
	if !found {
		return fmt.Errorf("%s: Secret %q, which must contain the cookie, is not in the manifests; Secrets in them: %s%s", p.At("spec", "cookie", "secretKeyRef", "name"), ref.Name, few(secrets), Meant(ref.Name, secrets))
	}
	slices.Sort(have)
	return fmt.Errorf("%s: Secret %s has no key %q, which must contain the cookie; its keys: %s%s", p.At("spec", "cookie", "secretKeyRef", "key"), ref.Name, ref.Key, few(have), Meant(ref.Key, have))
}

// tls looks for the Secret with the certificate, or for an object that could create it: one that names it and runs no pods.
func (p *Profile) tls(objects *manifest.Set) error {
	name := p.Spec.TLS.Secret
	var secrets []string
	for _, o := range objects.Documents {
		if o.Kind == "Secret" {
			secrets = append(secrets, o.Name)
		}
		if o.Kind == "Secret" && o.Name == name || o.Kind != "Secret" && o.Workload() == nil && holds(o.Raw, name) {
			return nil
		}
	}
	if name == "" {
		return nil
	}
	return fmt.Errorf("%s: Secret %q, which must contain the certificate, is not in the manifests, and no object in them creates it; Secrets in them: %s%s", p.At("spec", "tls", "secret"), name, few(secrets), Meant(name, secrets))
}

// holds reports whether v has the text as a value at any depth.
func holds(v any, text string) bool {
	switch v := v.(type) {
	case string:
		return v == text
	case []any:
		return slices.ContainsFunc(v, func(x any) bool { return holds(x, text) })
	case map[string]any:
		for _, x := range v {
			if holds(x, text) {
				return true
			}
		}
	}
	return false
}

// images returns an error if no container uses an image that the profile lists.
func (p *Profile) images(objects *manifest.Set) error {
	var all []string
	for _, o := range objects.Documents {
		all = append(all, imagesOf(o.Raw)...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	var untagged []string
	for _, ref := range all {
		name, _, _ := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], ":")
		untagged = append(untagged, ref[:strings.LastIndexByte(ref, '/')+1]+name)
	}
	for i, im := range p.Spec.Images {
		if !slices.ContainsFunc(all, func(ref string) bool { return called(ref, im.Name) }) {
			return fmt.Errorf("%s: no container in the manifests uses image %q; images in them: %s%s", p.At("spec", "images", i), im.Name, few(all), Meant(im.Name, slices.Concat(all, untagged)))
		}
	}
	return nil
}

// called reports whether an image reference has that name; the name may omit tag and digest.
func called(ref, name string) bool {
	rest, is := strings.CutPrefix(ref, name)
	return is && (rest == "" || rest[0] == '@' || rest[0] == ':' && !strings.Contains(rest, "/"))
}

// Is reports whether an image reference in the manifests means this image.
func (im Image) Is(ref string) bool { return called(ref, im.Name) }

// imagesOf lists the images of all containers in v, at any depth: custom resources have them in other places.
func imagesOf(v any) []string {
	var all []string
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			all = append(all, imagesOf(x)...)
		}
	case map[string]any:
		for k, x := range v {
			all = append(all, imagesOf(x)...)
			if k != "containers" && k != "initContainers" {
				continue
			}
			list, _ := x.([]any)
			for _, c := range list {
				c, _ := c.(map[string]any)
				if ref, is := c["image"].(string); is {
					all = append(all, ref)
				}
			}
		}
	}
	return all
}

func ports(w *manifest.Workload) error {
	for _, c := range w.Containers(manifest.Main) {
		for _, p := range c.Ports {
			if p.ContainerPort < 1 || p.ContainerPort > 65535 {
				return fmt.Errorf("%s declares containerPort %d (%s); valid ports are 1 to 65535", w, p.ContainerPort, filled(p.Name, "no name"))
			}
		}
	}
	return nil
}

// enough returns an error if there are too few nodes to form a cluster, unless the profile expects none.
func (r *Resolved) enough() error {
	var all []string
	more := "set replicas to 2 or more"
	for _, w := range r.Workloads {
		if w.Kind == "DaemonSet" {
			more = "set nodes to 2 or more in the profile, because a DaemonSet has one pod on each Kubernetes node"
		}
		s := "s"
		if w.Replicas == 1 {
			s = ""
		}
		all = append(all, fmt.Sprintf("%s %s has %d replica%s", w.Kind, w.Name, w.Replicas, s))
	}
	switch n := r.Replicas(); {
	case n < 1:
		return fmt.Errorf("%s: no pod would run; %s", few(all), more)
	case n == 1 && r.Expect.Topology != NoMesh:
		return fmt.Errorf("%s: a cluster needs at least two nodes; %s, or set expect: {topology: none} in the profile if it is not meant to form a cluster", few(all), more)
	}
	return nil
}
