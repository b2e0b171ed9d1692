package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
)

func TestManifestAPICurrent(t *testing.T) {
	try(t, "manifest/api-current", []trial{
		manifestsNotRecorded(),
		{"removed", rewrite("Deployment", "apps/v1", "extensions/v1beta1"), []want{{deployment, check.Fail, "removed", []string{"extensions/v1beta1", "apps/v1"}}}},
		{"deprecated", object("Role", "reader", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[{"resources":["pods","endpoints"]}]}`),
			[]want{{"object Role/reader", check.Fail, "deprecated", []string{"endpoints", "endpointslices"}}}},
		{"slices", object("Role", "reader", `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","rules":[{"resources":["endpointslices"]}]}`), nil},
		{"cannot be read", object("Role", "reader", `{"rules":"all"}`), []want{{"object Role/reader", check.Unseen, "", []string{"could not be read"}}}},
	})
}
