package main

import (
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
)

// A role in another namespace than the nodes is a finding, and no reason to refuse the manifests.
func TestLintOfARoleInAnotherNamespace(t *testing.T) {
	const access = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: peers, namespace: ops}
rules: [{apiGroups: [""], resources: [endpoints], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: peers, namespace: ops}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: peers}
subjects: [{kind: ServiceAccount, name: default, namespace: prod}]
`
	asks := func(access string) string {
		return chat("StatefulSet", "emqx/emqx:5", "env:\n"+podName+"- {name: EMQX_NODE__NAME, value: emqx@$(WHO).chat-peers.prod.svc.cluster.local}\n- {name: EMQX_CLUSTER__DISCOVERY_STRATEGY, value: k8s}\n"+theCookie, "", access)
	}
	within := func(manifests string) string {
		return strings.NewReplacer("{name: chat}", "{name: chat, namespace: prod}", "{name: chat-peers}", "{name: chat-peers, namespace: prod}").Replace(manifests)
	}
	says := []string{"FAIL     manifest/role-bound", "in namespace prod, but the role of account default is bound in namespace ops", "app.yaml:"}
	lintEach(t, map[string]lintCase{
		"of nodes in prod":                {within(asks(access)), exitcode.Fail, says, nil},
		"of nodes that name no namespace": {asks(access), exitcode.Fail, says, nil},
		"in kube-system":                  {within(asks(strings.ReplaceAll(access, "ops", "kube-system"))), exitcode.Fail, []string{"is bound in namespace kube-system"}, nil},
		"of somebody else":                {within(asks(strings.Replace(access, "name: default", "name: prometheus", 1))), exitcode.Fail, []string{"no-role", "has no role in the manifests"}[1:], nil},
		"in their own":                    {within(asks(strings.ReplaceAll(access, "ops", "prod"))), exitcode.OK, []string{"ok       manifest/role-bound"}, nil},
	})
}
