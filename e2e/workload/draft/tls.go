package draft

import (
	"encoding/json"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/workload"
)

// findTLS finds the Secret with the nodes' certificate, if the manifests say that their distribution uses TLS: the one that they
// mount and that has a private key, or may have one.
func (d *draft) findTLS() {
	if !d.saysTLS() {
		return
	}
	for _, o := range d.nodes {
		for _, name := range mountedSecrets(o) {
			if d.givesKey(name) {
				d.tls, d.why["tls"] = name, "mounted, and something says inet_tls"
				return
			}
		}
	}
}

// tlsProto is a value of -proto_dist.
var tlsProto = regexp.MustCompile(`\binet6?_tls\b`)

// saysTLS reports whether a node's workload or a ConfigMap contains that anywhere.
func (d *draft) saysTLS() bool {
	objects := d.all().Of("ConfigMap")
	for _, w := range d.nodes {
		objects = append(objects, w.Document)
	}
	return slices.ContainsFunc(objects, func(o *manifest.Document) bool {
		j, err := json.Marshal(o.Raw)
		return err == nil && tlsProto.Match(j)
	})
}

// givesKey reports whether the manifests contain the Secret with a private key, or a request for one, or cert-manager creates it.
func (d *draft) givesKey(name string) bool {
	for _, o := range d.all().Of("Secret") {
		if s, is := o.Object.(*corev1.Secret); is && o.Name == name {
			_, asks := s.Annotations[workload.CertificateFor]
			return asks || slices.Contains(manifest.Keys(s), workload.KeyPrivate)
		}
	}
	return slices.ContainsFunc(d.all().Of("Certificate"), func(o *manifest.Document) bool {
		spec, _ := o.Raw["spec"].(map[string]any)
		return spec["secretName"] == name
	})
}

// mountedSecrets are those that the pods of a workload mount as files.
func mountedSecrets(w *manifest.Workload) []string {
	var all []string
	for _, v := range w.Pod().Volumes {
		if v.Secret != nil {
			all = append(all, v.Secret.SecretName)
		}
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				all = append(all, s.Secret.Name)
			}
		}
	}
	return all
}
