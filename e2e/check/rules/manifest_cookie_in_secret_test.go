package rules_test

import (
	"slices"
	"testing"
)

func TestManifestCookieInSecret(t *testing.T) {
	try(t, "manifest/cookie-in-secret", slices.Concat([]trial{
		{"a literal", literal("RELEASE_COOKIE", "hunter2"), fails("literal", "env RELEASE_COOKIE", "secretKeyRef")},
		{"in a vm.args", config("vm.args", "-setcookie hunter2"), fails("literal", "vm.args in ConfigMap")},
		{"made of another variable", literal("RELEASE_COOKIE", "$(COOKIE)"), nil},
		{"empty", literal("RELEASE_COOKIE", ""), nil},
		{"-setcookie with a variable", args("-setcookie", "${COOKIE}"), nil},
		{"a web session's", literal("SESSION_COOKIE", "shop"), nil},
		{"only a web session's", all(noCookie, literal("SESSION_COOKIE", "shop")), notSeen("no cookie of Deployment derl was seen")},
		{"none", noCookie, notSeen("no cookie of Deployment derl was seen")},
		{"none, and a Secret that is not there", all(noCookie, field(`"envFrom":[{"secretRef":{"name":"words"}}]`)), notSeen("Secret words, not in the manifests, may have it")},
		{"in a configuration file", all(noCookie, config("vernemq.conf", "distributed_cookie = hunter2\n")), fails("literal", "vernemq.conf in ConfigMap")},
		{"a file of a ConfigMap", all(noCookie, config(".erlang.cookie", "hunter2")), fails("literal", "/etc/derl/.erlang.cookie")},
		{"a variable of another name, from a key", rewrite("Deployment", `"name":"COOKIE"`, `"name":"WORD"`), nil},
	}, unreadable()))
}
