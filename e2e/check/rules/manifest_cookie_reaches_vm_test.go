package rules_test

import (
	"slices"
	"testing"
)

func TestManifestCookieReachesVM(t *testing.T) {
	try(t, "manifest/cookie-reaches-vm", slices.Concat([]trial{
		{"only the tool's", all(refused, rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`)), fails("tool-only", "RELX_COOKIE", "-setcookie ${COOKIE}")},
		{"only the tool's, and the nodes accept it", rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`), nil},
		{"both from one Secret", all(refused, env("RELX_COOKIE", `"valueFrom":{"secretKeyRef":{"name":"derl","key":"cookie"}}`)), passes},
		{"no RELX_COOKIE", refused, notSeen("no RELX_COOKIE was seen")},
		{"two sources", all(refused, env("RELX_COOKIE", `"valueFrom":{"secretKeyRef":{"name":"other","key":"cookie"}}`)), fails("tool-only")},
		{"in args", all(refused, rewrite("Deployment", `"name":"COOKIE"`, `"name":"RELX_COOKIE"`), args("foreground", "-setcookie", "$(RELX_COOKIE)")), nil},
		{"from a ConfigMap", all(refused, env("RELX_COOKIE", `"valueFrom":{"configMapKeyRef":{"name":"other","key":"cookie"}}`)), fails("tool-only")},
	}, unreadable()))
}
