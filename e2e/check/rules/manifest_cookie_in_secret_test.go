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
	}, unreadable()))
}
