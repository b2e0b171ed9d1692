package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
)

func TestVMCookieFlag(t *testing.T) {
	try(t, "vm/cookie-flag", slices.Concat([]trial{
		{"misspelt", vm(1, instead("-setcookie", "-cookie")), []want{{pod(1), check.Fail, "misspelt", []string{"-cookie (cookie)", "-setcookie instead of -cookie"}}}},
		{"both", vm(1, func(m *recording.VM) { m.Args = append(m.Args, "-cookie", "(cookie)") }), nil},
		{"neither: a cookie file", vm(1, drop("-setcookie")), nil},
	}, unseenVM()))
}
