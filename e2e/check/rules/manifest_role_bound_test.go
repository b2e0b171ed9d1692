package rules_test

import (
	"slices"
	"testing"

	"meshproof.dev/meshproof/e2e/check"
	rt "meshproof.dev/meshproof/e2e/recording/recordingtest"
)

func TestManifestRoleBound(t *testing.T) {
	reader := object("Role", "reader", `{"rules":[{"apiGroups":["discovery.k8s.io"],"resources":["endpointslices"],"verbs":["list"]}]}`)
	binding := func(account string) func(s *rt.Recording) {
		return object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"`+account+`"}]}`)
	}
	one := func(o check.Outcome, code string, says ...string) []want { return []want{{deployment, o, code, says}} }
	try(t, "manifest/role-bound", slices.Concat([]trial{
		{"none that reads peers", object("Role", "writer", `{"rules":[{"resources":["configmaps"]}]}`), one(check.NotApplicable, "", "no role")},
		{"bound to nobody", reader, one(check.Fail, "unbound", "Role reader grants access", "no binding", "RoleBinding")},
		{"bound to another", all(reader, podField(`"serviceAccountName":"derl"`), binding("drel")), one(check.Fail, "other-account", "to service account drel", "run as derl")},
		{"bound", all(reader, podField(`"serviceAccountName":"derl"`), binding("derl")), one(check.Pass, "")},
		{"bound under the field's old name", all(reader, podField(`"serviceAccount":"derl"`), binding("derl")), one(check.Pass, "")},
		{"bound to the account of who names none", all(reader, binding("default")), one(check.Pass, "")},
		{"for somebody else", all(reader, binding("prometheus")), one(check.NotApplicable, "", "are bound to prometheus")},
		{"bound to a group", all(reader, object("RoleBinding", "b", `{"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"Group","name":"system:serviceaccounts"}]}`)), one(check.Pass, "")},
		{"cannot be read", object("Role", "reader", `{"rules":"all"}`), one(check.Unseen, "", "could not be read")},
	}, unreadable()))
}
