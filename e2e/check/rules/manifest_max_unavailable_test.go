package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
)

func TestManifestMaxUnavailable(t *testing.T) {
	try(t, "manifest/max-unavailable", slices.Concat([]trial{
		{"all", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":"100%"}}`), fails("all-at-once", "3 of its 3", "100%")},
		{"as many as there are", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":3}}`), fails("all-at-once", "maxUnavailable: 3")},
		{"one", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":1}}`), nil},
		{"most", specField(`"strategy":{"rollingUpdate":{"maxUnavailable":"99%"}}`), nil},
		{"a StatefulSet rounds up", all(specField(`"updateStrategy":{"rollingUpdate":{"maxUnavailable":"99%"}}`), stateful("derl")),
			[]want{{"object StatefulSet/derl", check.Fail, "all-at-once", nil}}},
		{"one pod only", all(rewrite("Deployment", `"replicas":3`, `"replicas":1`), specField(`"strategy":{"rollingUpdate":{"maxUnavailable":"100%"}}`)), nil},
	}, unreadable()))
}
