package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"meshproof.dev/meshproof"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// Guard is [GuardAll] of one workload.
func (w *Workload) Guard(known *secrets.Redactor) error { return GuardAll([]*Workload{w}, known) }

// GuardAll lets known redact the cookies in the Secrets of the manifests: the one that each profile names, and others whose key is
// the same or contains "cookie". Our own words and the names in the profiles and in the manifests are no secrets; all other text
// in them may hold one, because somebody wrote there what they liked. A profile that does is an error.
func GuardAll(ws []*Workload, known *secrets.Redactor) error {
	words, err := meshproof.Words()
	if err != nil {
		return err
	}
	known.Public(words)
	for _, w := range ws {
		known.Public(strings.Join(w.names(), "\n"))
		for _, c := range cookies(manifest.Join(w.rendered.now, w.rendered.before), w.Profile.Spec.Cookie.SecretKeyRef.Key) {
			known.Guard(c)
		}
	}
	for _, w := range ws {
		if err = w.CheckTexts(known); err != nil {
			return err
		}
	}
	return nil
}

// CheckTexts returns an error if the file of the profile or of the mutant contains a secret that known guards: a recording begins
// with the profile, and is passed on.
func (w *Workload) CheckTexts(known *secrets.Redactor) error {
	written := w.Profile.Texts()
	if w.Mutant != nil {
		written = append(written, w.Mutant.Texts()...)
	}
	for _, t := range written {
		if known.Contains(t.Value) {
			return exitcode.With(exitcode.Usage, fmt.Errorf("%s: %s contains a cookie, and the profile is published with every recording: let the container read it from its environment or a file", t.At, t.Key))
		}
	}
	return nil
}

// names are what the profile and the manifests name.
func (w *Workload) names() []string {
	r, p := w.Resolved, w.Profile
	all := []string{p.Metadata.Name, r.Name, r.Mutant, r.Namespace, r.Service, r.TLS, p.Spec.Cookie.SecretKeyRef.Name, p.Spec.Cookie.SecretKeyRef.Key}
	all = slices.Concat(all, r.Services, r.Rollout)
	for _, o := range r.Workloads {
		all = append(append(all, o.Kind, o.Name), o.Images...)
	}
	for _, i := range p.Spec.Images {
		all = append(all, i.Name, i.Local, i.Pull)
	}
	for _, d := range manifest.Join(w.rendered.now, w.rendered.next, w.rendered.before).Documents {
		all = named(all, d.Raw)
	}
	return all
}

// naming are the keys of manifests whose values are names.
var naming = []string{"apiVersion", "kind", "name", "namespace", "image", "serviceName", "secretName", "claimName", "key", "fieldPath"}

// texts are the keys of manifests under which there are files and other free text. Their own keys are names.
var texts = []string{"data", "stringData", "binaryData", "annotations"}

// labelling are the keys of manifests under which labels are.
var labelling = []string{"labels", "matchLabels", "selector"}

// named adds the names in a value of a manifest: all keys, what is under a key that says so, and labels.
func named(all []string, v any) []string {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			all = named(all, x)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, k)
			if slices.Contains(naming, k) {
				all = append(all, text(v[k]))
			}
			if slices.Contains(labelling, k) {
				for _, label := range dict(v[k]) {
					all = append(all, text(label))
				}
			}
			if !slices.Contains(texts, k) {
				all = named(all, v[k])
				continue
			}
			all = slices.AppendSeq(all, maps.Keys(dict(v[k])))
		}
	}
	return all
}
