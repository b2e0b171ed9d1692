package objects

import (
	"path"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

// volume is the pod's volume of that name; nil where a StatefulSet's claim makes it.
func volume(w *manifest.Workload, name string) *corev1.Volume {
	for i := range w.Pod().Volumes {
		if w.Pod().Volumes[i].Name == name {
			return &w.Pod().Volumes[i]
		}
	}
	return nil
}

// Persistent reports whether that volume is still there when the pod is replaced.
func Persistent(w *manifest.Workload, name string) bool {
	v := volume(w, name)
	return v == nil || v.PersistentVolumeClaim != nil || v.CSI != nil || v.NFS != nil
}

// MountAt is the container's mount in which that path is, nil where it is in the root file system.
func MountAt(c *manifest.Container, at string) *corev1.VolumeMount {
	var best *corev1.VolumeMount
	for i, m := range c.VolumeMounts {
		dir := path.Clean(m.MountPath)
		if (at == dir || strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/")) && (best == nil || len(dir) >= len(path.Clean(best.MountPath))) {
			best = &c.VolumeMounts[i]
		}
	}
	return best
}

// Writable reports whether the container can write to that mount: not to one that is read-only, nor to files of the API.
func Writable(w *manifest.Workload, m *corev1.VolumeMount) bool {
	if m == nil || m.ReadOnly {
		return false
	}
	v := volume(w, m.Name)
	return v == nil || v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil && v.Image == nil
}

// Product is a program whose image everybody uses, with what is known of its start script.
type Product struct {
	Name string
	Home string // where it makes its .erlang.cookie
	// Rendered is where the start script writes configuration; "" where it writes none.
	Rendered string
	// Cookie is the variable that gives it the cookie; "" where the image itself has one.
	Cookie string
}

// The start scripts: docker-library/rabbitmq docker-entrypoint.sh, vernemq/docker-vernemq bin/vernemq.sh, processone/docker-ejabberd,
// apache/couchdb-docker docker-entrypoint.sh.
var products = []struct {
	image *regexp.Regexp
	Product
}{
	{regexp.MustCompile(`bitnami.*/rabbitmq([:@]|$)`), Product{"RabbitMQ", "", "", "RABBITMQ_ERL_COOKIE"}},
	{regexp.MustCompile(`bitnami`), Product{}}, // their start scripts and folders are others
	{regexp.MustCompile(`(^|[/-])rabbitmq(-server)?([:@]|$)`), Product{"RabbitMQ", "/var/lib/rabbitmq", "", "RABBITMQ_ERLANG_COOKIE"}},
	{regexp.MustCompile(`(^|[/-])vernemq([:@]|$)`), Product{"VerneMQ", "/vernemq", "/vernemq/etc", ""}},
	{regexp.MustCompile(`(^|[/-])ejabberd([:@]|$)`), Product{"ejabberd", "", "", "ERLANG_COOKIE"}},
	{regexp.MustCompile(`(^|[/-])couchdb([:@]|$)`), Product{"CouchDB", "/opt/couchdb", "/opt/couchdb/etc", "COUCHDB_ERLANG_COOKIE"}},
}

// ProductOf is the product of the container's image, nil where it is none that is known.
func ProductOf(c *manifest.Container) *Product {
	for i := range products {
		if !products[i].image.MatchString(c.Image) {
			continue
		}
		if products[i].Name == "" {
			return nil
		}
		return &products[i].Product
	}
	return nil
}
