package rules_test

import (
	"slices"
	"testing"

	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestCookieFileMode(t *testing.T) {
	projected := all(podField(`"volumes":[{"name":"cookie","projected":{"defaultMode":256,"sources":[{"secret":{"name":"derl","items":[{"key":"cookie","path":".erlang.cookie"}]}}]}}]`),
		field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl"}]`))
	rabbit := all(rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"rabbitmq:3.13"`), rewrite("Deployment", `{"name":"COOKIE","valueFrom":{"secretKeyRef":{"name":"derl","key":"cookie"}}}`, `{"name":"LANG","value":"C"}`))
	mounted := field(`"volumeMounts":[{"name":"data","mountPath":"/var/lib/rabbitmq"}]`)
	claimed := mounted // the volume is in no list of the pod: a StatefulSet's claim makes it
	fsGroup := podField(`"securityContext":{"fsGroup":999}`)
	copied := func(command string) func(s *rt.Recording) {
		return podField(`"initContainers":[{"name":"cookie","image":"busybox","command":["sh","-c",` + quoted(command) + `],"volumeMounts":[{"name":"data","mountPath":"/var/lib/rabbitmq"}]}]`)
	}
	try(t, "manifest/cookie-file-mode", slices.Concat([]trial{
		{"as Secrets are mounted", cookieFile(`"secretName":"derl"`, "cookie"), fails("too-open", "/home/derl/.erlang.cookie", "0644")},
		{"mode 0400", cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), thePass},
		{"mode 0400 of the one file", cookieFile(`"secretName":"derl","items":[{"key":"cookie","path":".erlang.cookie","mode":256}]`, ".erlang.cookie"), nil},
		{"a folder with the file", all(podField(`"volumes":[{"name":"cookie","secret":{"secretName":"derl","items":[{"key":"cookie","path":".erlang.cookie","mode":288}]}}]`),
			field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl"}]`)), fails("too-open", "0440")},
		{"mode 0400 with fsGroup", all(cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), podField(`"securityContext":{"fsGroup":1000}`)), fails("fs-group", "fsGroup 1000", "group-readable")},
		{"mode 0400, and another user than root", all(cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), podField(`"securityContext":{"runAsUser":1000}`)), fails("unreadable", "belongs to root", "runAsUser: 1000")},
		{"mode 0400, and no root", all(cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), field(`"securityContext":{"runAsNonRoot":true}`)), fails("unreadable", "runAsNonRoot: true")},
		{"mode 0400, and root after all", all(cookieFile(`"secretName":"derl","defaultMode":256`, "cookie"), podField(`"securityContext":{"runAsUser":1000}`), field(`"securityContext":{"runAsUser":0}`)), thePass},
		{"beside -setcookie", all(cookieFile(`"secretName":"derl"`, "cookie"), args("-setcookie", "$(COOKIE)")), nil},
		{"another file", all(podField(`"volumes":[{"name":"tls","secret":{"secretName":"tls"}}]`), field(`"volumeMounts":[{"name":"tls","mountPath":"/tls"}]`)), notSeen("no cookie file of Deployment derl")},
		{"mode 0400 with fsGroup, projected", all(projected, podField(`"securityContext":{"fsGroup":1000}`)), fails("fs-group", "fsGroup 1000")},
		{"mode 0400, projected", projected, thePass},
		{"RabbitMQ's own file on a claim", all(rabbit, claimed, fsGroup), fails("fs-group", "/var/lib/rabbitmq/.erlang.cookie", "0660 when the volume is mounted the next time", "OnRootMismatch")},
		{"RabbitMQ's own file on a claim, changed once", all(rabbit, claimed, podField(`"securityContext":{"fsGroup":999,"fsGroupChangePolicy":"OnRootMismatch"}`)), thePass},
		{"RabbitMQ's file on a claim, from a variable", all(claimed, fsGroup, rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"rabbitmq:3.13"`)), notSeen("no cookie file")},
		{"a copy on a claim", all(claimed, fsGroup, copied("cp -n /secret/cookie /var/lib/rabbitmq/.erlang.cookie")), fails("fs-group", "chmod 0400 /var/lib/rabbitmq/.erlang.cookie")},
		{"a copy on a claim whose mode is set", all(claimed, fsGroup, copied("cp /secret/cookie /var/lib/rabbitmq/.erlang.cookie; chmod 400 /var/lib/rabbitmq/.erlang.cookie")), notSeen("no cookie file")},
		{"a copy in the memory", all(podField(`"volumes":[{"name":"data","emptyDir":{}}]`), mounted, fsGroup, copied("cp -n /secret/cookie /var/lib/rabbitmq/.erlang.cookie")), notSeen("no cookie file")},
	}, unreadable()))
}

// cookieFile mounts one file of a Secret as the cookie file.
func cookieFile(secret, file string) func(s *rt.Recording) {
	return all(podField(`"volumes":[{"name":"cookie","secret":{`+secret+`}}]`),
		field(`"volumeMounts":[{"name":"cookie","mountPath":"/home/derl/.erlang.cookie","subPath":`+quoted(file)+`}]`))
}
