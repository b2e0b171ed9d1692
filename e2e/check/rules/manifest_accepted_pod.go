package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
)

// podAccepted fails the finding where Kubernetes refuses the pods of a workload, or accepts them and never starts their containers.
func podAccepted(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	for _, judge := range []func(*objects.Manifests, *manifest.Workload, *check.Finding){containersAccepted, volumesAccepted, keysThere} {
		if judge(m, w, f); f.Outcome != check.Pass {
			return
		}
	}
}

// containersAccepted is about the containers' names.
func containersAccepted(_ *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	seen := map[string]bool{}
	for _, c := range w.Containers() {
		switch wrong := validation.IsDNS1123Label(c.Name); {
		case len(wrong) > 0:
			f.Fail("container-name", fmt.Sprintf("%q of %s is no name for a container: Kubernetes refuses it", c.Name, w), "write lower-case letters, digits and hyphens")
		case seen[c.Name]:
			f.Fail("container-name", fmt.Sprintf("two containers of %s have the name %s: Kubernetes refuses it", w, c.Name), "give each its own name")
		}
		if f.Outcome != check.Pass {
			return
		}
		seen[c.Name] = true
	}
}

// volumesAccepted is about volumes and where they are mounted.
func volumesAccepted(_ *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	there := map[string]bool{}
	for _, v := range w.Pod().Volumes {
		switch {
		case len(validation.IsDNS1123Label(v.Name)) > 0:
			f.Fail("volume", fmt.Sprintf("%q of %s is no name for a volume: Kubernetes refuses it", v.Name, w), "write lower-case letters, digits and hyphens")
			return
		case there[v.Name]:
			f.Fail("volume", fmt.Sprintf("two volumes of %s have the name %s: Kubernetes refuses it", w, v.Name), "give each its own name")
			return
		}
		there[v.Name] = true
	}
	if o, is := w.Object.(*appsv1.StatefulSet); is {
		for _, claim := range o.Spec.VolumeClaimTemplates {
			there[claim.Name] = true
		}
	}
	for _, c := range w.Containers() {
		for _, mount := range c.VolumeMounts {
			if !there[mount.Name] {
				f.Fail("volume", fmt.Sprintf("volumeMount %s of container %s of %s names a volume that the pod does not have: Kubernetes refuses it", mount.Name, c.Name, w), "add the volume "+mount.Name+" to the pod, or correct the name")
				return
			}
		}
	}
}

// filledLater are annotations of objects whose keys somebody else writes in the cluster.
var filledLater = regexp.MustCompile(`(?i)generat|vault|replicat|reflect|external-secrets|sealedsecrets`)

// keysOf are the keys of a ConfigMap or Secret of the manifests, and whether these are all that it will have.
func keysOf(m *objects.Manifests, w *manifest.Workload, kind, name string) (keys []string, all bool) {
	d := m.Find(kind, w.Namespace, name)
	if d == nil {
		return nil, false
	}
	switch o := d.Object.(type) {
	case *corev1.ConfigMap:
		for k := range o.Data {
			keys = append(keys, k)
		}
		for k := range o.BinaryData {
			keys = append(keys, k)
		}
		all = len(keys) > 0 && !annotated(o.Annotations)
	case *corev1.Secret:
		keys = manifest.Keys(o)
		all = len(keys) > 0 && !annotated(o.Annotations)
	}
	slices.Sort(keys)
	return keys, all
}

func annotated(all map[string]string) bool {
	for k := range all {
		if filledLater.MatchString(k) {
			return true
		}
	}
	return false
}

// keysThere is about keys of ConfigMaps and Secrets that are in the manifests and do not have them.
func keysThere(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
	lacks := func(where, kind, name, key, then string) bool {
		keys, all := keysOf(m, w, kind, name)
		if !all || slices.Contains(keys, key) {
			return false
		}
		f.Fail("no-such-key", fmt.Sprintf("%s of %s takes key %s of %s %s, which has only %s: %s", where, w, key, kind, name, check.List(keys), then), "write one of its keys there, or add key "+key+" to "+kind+" "+name)
		return true
	}
	for _, c := range w.Containers() {
		for _, e := range c.Env {
			from, where := e.ValueFrom, "env "+e.Name+" of container "+c.Name
			const then = "the container is not started (CreateContainerConfigError)"
			if from == nil || e.Value != "" {
				continue
			}
			if r := from.SecretKeyRef; r != nil && !optional(r.Optional) && lacks(where, "Secret", r.Name, r.Key, then) {
				return
			}
			if r := from.ConfigMapKeyRef; r != nil && !optional(r.Optional) && lacks(where, "ConfigMap", r.Name, r.Key, then) {
				return
			}
		}
		for _, mount := range c.VolumeMounts {
			kind, name, items := sourceOf(w, mount.Name)
			if mount.SubPath != "" && !strings.Contains(mount.SubPath, "/") && kind != "" && len(items) == 0 &&
				lacks("volumeMount "+mount.Name+" of container "+c.Name, kind, name, mount.SubPath, "Kubernetes mounts an empty folder at "+mount.MountPath) {
				return
			}
		}
	}
	for _, v := range w.Pod().Volumes {
		kind, name, items := sourceOf(w, v.Name)
		for _, i := range items {
			if lacks("volume "+v.Name, kind, name, i.Key, "the pod waits for it, and no container is started") {
				return
			}
		}
	}
}

func optional(is *bool) bool { return is != nil && *is }

// sourceOf is the ConfigMap or Secret of a volume that must be there.
func sourceOf(w *manifest.Workload, volume string) (kind, name string, items []corev1.KeyToPath) {
	for _, v := range w.Pod().Volumes {
		switch {
		case v.Name != volume:
		case v.ConfigMap != nil && !optional(v.ConfigMap.Optional):
			return "ConfigMap", v.ConfigMap.Name, v.ConfigMap.Items
		case v.Secret != nil && !optional(v.Secret.Optional):
			return "Secret", v.Secret.SecretName, v.Secret.Items
		}
	}
	return "", "", nil
}
