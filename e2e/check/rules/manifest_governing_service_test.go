package rules_test

import (
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestGoverningService(t *testing.T) {
	try(t, "manifest/governing-service", []trial{
		manifestsNotRecorded(),
		{"a Deployment", func(*rt.Recording) {}, []want{{deployment, check.NotApplicable, "", []string{"is not a StatefulSet"}}}},
		{"headless", stateful("derl"), onStatefulSet(check.Pass, "")},
		{"no name", stateful(""), onStatefulSet(check.Fail, "no-name", "no serviceName")},
		{"no name, and nobody to be found", all(stateful(""), func(s *rt.Recording) { means(s, profile.NoMesh) }), onStatefulSet(check.NotApplicable, "", "no connections between nodes")},
		{"no such Service", stateful("drl"), onStatefulSet(check.Fail, "names-nothing", "drl", "they have derl")},
		{"no Service at all", all(stateful("drl"), func(s *rt.Recording) {
			s.Drop(func(e recording.Event) bool { return e.Object != nil && e.Object.Kind == "Service" })
		}), onStatefulSet(check.Fail, "names-nothing", "drl")},
		{"with a cluster IP", all(stateful("derl"), rewrite("Service", `"clusterIP":"None",`, ``)), onStatefulSet(check.Pass, "")},
	})
}
