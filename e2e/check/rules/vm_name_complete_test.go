package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
)

func TestVMNameComplete(t *testing.T) {
	try(t, "vm/name-complete", slices.Concat([]trial{
		{"no host", vm(1, named("derl@")), []want{{pod(1), check.Fail, "no-host", []string{"-name derl@", "host part is empty", "status.podIP"}}}},
		{"a placeholder", vm(1, named("derl@${POD_IP}")), []want{{pod(1), check.Fail, "placeholder", []string{"derl@${POD_IP}"}}}},
		{"Kubernetes' own placeholder", vm(1, named("derl@$(POD_IP)")), []want{{pod(1), check.Fail, "placeholder", nil}}},
		{"nothing", vm(1, named("-proto_dist")), []want{{pod(1), check.Fail, "empty", []string{"-name, but no name follows"}}}},
		{"no name at all", undistributed(), []want{{pod(2), check.NotApplicable, "", []string{"no name at all"}}}},
		{"named by its own code", vm(2, drop("-name")), nil},
	}, unseenVM()))
}
