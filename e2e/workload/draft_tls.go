package workload

import (
	"encoding/json"
	"regexp"
	"slices"
)

// findTLS looks for the Secret with the nodes' certificate, where something says that their distribution goes over TLS: the one
// that they mount and that has a private key, or may have one.
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

// saysTLS reports whether that stands anywhere in a node's workload or in a ConfigMap.
func (d *draft) saysTLS() bool {
	return slices.ContainsFunc(slices.Concat(d.nodes, d.all("ConfigMap")), func(o map[string]any) bool {
		j, err := json.Marshal(o)
		return err == nil && tlsProto.Match(j)
	})
}

// givesKey reports whether the Secret is among the manifests with a private key, or asking for one, or cert-manager makes it.
func (d *draft) givesKey(name string) bool {
	for _, o := range d.all("Secret") {
		if text(dict(o["metadata"])["name"]) == name {
			_, coded := dict(o["data"])[keyPrivate]
			_, plain := dict(o["stringData"])[keyPrivate]
			_, asks := dict(dict(o["metadata"])["annotations"])[CertificateFor]
			return coded || plain || asks
		}
	}
	return slices.ContainsFunc(d.all("Certificate"), func(o map[string]any) bool { return text(dict(o["spec"])["secretName"]) == name })
}

// mountedSecrets are those that the pods of a workload have as files.
func mountedSecrets(o map[string]any) []string {
	var all []string
	add := func(s map[string]any, key string) {
		if name := text(s[key]); name != "" {
			all = append(all, name)
		}
	}
	volumes, _ := podSpec(o)["volumes"].([]any)
	for _, v := range volumes {
		add(dict(dict(v)["secret"]), "secretName")
		sources, _ := dict(dict(v)["projected"])["sources"].([]any)
		for _, s := range sources {
			add(dict(dict(s)["secret"]), "name")
		}
	}
	return all
}
