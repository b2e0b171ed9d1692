package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestPlaceToWrite(t *testing.T) {
	readOnly := field(`"securityContext":{"readOnlyRootFilesystem":true}`)
	image := func(name string) func(s *rt.Recording) {
		return rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"`+name+`"`)
	}
	volume := func(source string, paths ...string) func(s *rt.Recording) {
		mounts := ""
		for i, p := range paths {
			if i > 0 {
				mounts += ","
			}
			mounts += `{"name":"data","mountPath":"` + p + `"}`
		}
		return all(podField(`"volumes":[{"name":"data",`+source+`}]`), field(`"volumeMounts":[`+mounts+`]`))
	}
	const empty = `"emptyDir":{}`
	try(t, "manifest/place-to-write", slices.Concat([]trial{
		{"a root file system that is writable", func(*rt.Recording) {}, notSeen("no container of Deployment derl has a read-only root")},
		{"VerneMQ, its data only", all(readOnly, image("vernemq/vernemq:1.12.6"), volume(empty, "/vernemq/data")), fails("read-only", "/vernemq (the home of the VM", "/vernemq/etc (the start script of VerneMQ", "emptyDir")},
		{"VerneMQ, its home only", all(readOnly, image("vernemq/vernemq:1.12.6"), volume(empty, "/vernemq")), thePass},
		{"VerneMQ, its home from a ConfigMap", all(readOnly, image("vernemq/vernemq"), volume(`"configMap":{"name":"x"}`, "/vernemq")), fails("read-only", "/vernemq")},
		{"RabbitMQ, on a claim", all(readOnly, image("rabbitmq:4"), volume(`"persistentVolumeClaim":{"claimName":"x"}`, "/var/lib/rabbitmq")), thePass},
		{"RabbitMQ, its plugins only", all(readOnly, image("rabbitmq:4"), volume(empty, "/plugins")), fails("read-only", "/var/lib/rabbitmq")},
		{"RabbitMQ of Bitnami, which writes elsewhere", all(readOnly, image("registry.example/bitnami/rabbitmq:4.1.3"), volume(empty, "/bitnami/rabbitmq/mnesia")), notSeen("it can write to /bitnami")},
		{"nothing is writable", readOnly, fails("nowhere", "no writable volume at all", "RELX_OUT_FILE_PATH")},
		{"nothing is writable for a release of mix", all(readOnly, literal("RELEASE_DISTRIBUTION", "name")), notSeen("a release of mix needs to only with")},
		{"only a ConfigMap", all(readOnly, volume(`"configMap":{"name":"x"}`, "/etc/derl")), fails("nowhere")},
		{"somewhere", all(readOnly, volume(empty, "/tmp")), notSeen("where the image of container derl", "it can write to /tmp")},
		{"where relx is told to", all(readOnly, literal("RELX_OUT_FILE_PATH", "/tmp"), volume(empty, "/tmp")), thePass},
		{"not where relx is told to", all(readOnly, literal("RELX_OUT_FILE_PATH", "/run/derl"), volume(empty, "/tmp")), fails("read-only", "/run/derl (RELX_OUT_FILE_PATH)")},
		{"not where HOME is", all(readOnly, literal("HOME", "/home/derl"), volume(empty, "/tmp")), fails("read-only", "/home/derl (the home")},
		{"not where HOME is, but with -setcookie", all(readOnly, literal("HOME", "/home/derl"), volume(empty, "/tmp"), args("-setcookie", "$(COOKIE)")), notSeen("it can write to /tmp")},
		{"a sidecar's", rewrite("Deployment", `"containers":[`, `"containers":[{"name":"proxy","image":"envoy","securityContext":{"readOnlyRootFilesystem":true}},`), notSeen("no container of Deployment derl")},
		{"a StatefulSet's claim", all(readOnly, image("rabbitmq"), field(`"volumeMounts":[{"name":"data","mountPath":"/var/lib/rabbitmq"}]`), stateful("derl")), onStatefulSet(check.Pass, "")},
	}, unreadable()))
}
