package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestCookieGiven(t *testing.T) {
	rabbit := all(refused, noCookie, rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"registry.example/library/rabbitmq:3.13"`))
	try(t, "manifest/cookie-given", slices.Concat([]trial{
		{"nowhere", rabbit, fails("none", "registry.example/library/rabbitmq:3.13", "each pod makes up its own", "RABBITMQ_ERLANG_COOKIE")},
		{"nowhere, of a StatefulSet", all(rabbit, stateful("derl")), onStatefulSet(check.Fail, "none", "StatefulSet derl")},
		{"ejabberd's", all(refused, noCookie, rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"registry.example/processone/ejabberd"`)), fails("none", "ERLANG_COOKIE")},
		{"Bitnami's", all(refused, noCookie, rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"registry.example/bitnami/rabbitmq:4.1"`)), fails("none", "RABBITMQ_ERL_COOKIE")},
		{"nowhere, and the nodes accept one", all(noCookie, rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"rabbitmq"`)), thePass},
		{"an image that may have one", all(refused, noCookie), notSeen("can only be in the image")},
		{"a metrics exporter's image", all(refused, noCookie, rewrite("Deployment", `"image":"meshproof/derl"`, `"image":"kbudde/rabbitmq-exporter"`)), notSeen("can only be in the image")},
		{"one node", all(rabbit, rewrite("Deployment", `"replicas":3`, `"replicas":1`)), notSeen("nothing shows that its nodes are to find each other")},
		{"nodes that are no cluster", all(rabbit, func(s *rt.Recording) { edit(s, func(p *profile.Resolved) { p.Expect.Topology = profile.NoMesh }) }), notSeen("nothing shows")},
		{"whole Secret in the environment", all(rabbit, field(`"envFrom":[{"secretRef":{"name":"words"}}]`)), notSeen("it may come from Secret words")},
		{"flags from a Secret", all(rabbit, env("ERL_FLAGS", `"valueFrom":{"secretKeyRef":{"name":"words","key":"flags"}}`)), notSeen("it may come from variable ERL_FLAGS")},
		{"a password from a Secret", all(rabbit, env("RABBITMQ_DEFAULT_PASS", `"valueFrom":{"secretKeyRef":{"name":"words","key":"password"}}`)), fails("none")},
		{"a mounted Secret", all(rabbit, podField(`"volumes":[{"name":"more","secret":{"secretName":"derl"}}]`), field(`"volumeMounts":[{"name":"more","mountPath":"/more"}]`)), nil},
		{"a claim that pods share", all(rabbit, podField(`"volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}}]`), field(`"volumeMounts":[{"name":"data","mountPath":"/var/lib/rabbitmq"}]`)), notSeen("it may come from volume data")},
		{"an init container that its image decides", all(rabbit, podField(`"initContainers":[{"name":"setup","image":"setup"}]`)), notSeen("it may come from init container setup")},
		{"an init container that writes it", all(rabbit, podField(`"initContainers":[{"name":"setup","image":"busybox","command":["sh","-c","cp /x/cookie /home/.erlang.cookie"]}]`)), notSeen("which mentions a cookie")},
		{"an agent that injects secrets", all(rabbit, rewrite("Deployment", `"labels":{"app":"derl"}},"spec":{"term`, `"labels":{"app":"derl"},"annotations":{"vault.hashicorp.com/agent-inject":"true"}},"spec":{"term`)), notSeen("it may come from the annotation vault")},
	}, unreadable()))
}
