package rules_test

import (
	"slices"
	"testing"
)

func TestManifestCookieFlag(t *testing.T) {
	try(t, "manifest/cookie-flag", slices.Concat([]trial{
		{"in args", args("foreground", "-cookie", "$(COOKIE)"), fails("misspelt", "args of container derl of Deployment derl", "-setcookie")},
		{"in a variable", literal("ERL_FLAGS", `-cookie "$(COOKIE)"`), fails("misspelt", "env ERL_FLAGS")},
		{"in a vm.args of a ConfigMap", config("vm.args.src", "-name derl@${POD_IP}\n-cookie ${COOKIE}\n"), fails("misspelt", "vm.args.src in ConfigMap derl-config")},
		{"in a comment only", config("vm.args.src", "## never -cookie\n# -cookie x\n-setcookie ${COOKIE}\n"), nil},
		{"beside -setcookie", args("-cookie", "x", "-setcookie", "$(COOKIE)"), passes},
		{"an HTTP cookie", literal("COOKIE_DOMAIN", "shop.example"), notSeen("no -setcookie or -cookie was seen")},
		{"no name of a cookie anywhere", rewrite("Deployment", `"COOKIE"`, `"SECRET_WORD"`), notSeen("no -setcookie or -cookie was seen")},
	}, unreadable()))
}
