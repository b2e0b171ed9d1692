package inspect

import (
	"fmt"
	"strings"
)

// right is a line of the Role.
type right struct {
	group, resource, verb, why string
}

// rights are what an inspection makes use of, all of it in the inspected namespace.
func rights() (all []right) {
	for _, l := range lists() {
		all = append(all, right{l.group, l.resource, "list", l.why})
	}
	return append(all,
		right{"", "pods/log", "get", "what the nodes say of peers that they turn away"},
		right{"", "pods/exec", "create", "to run cat: the socket tables, and the command lines of the nodes"},
		right{"", "pods/portforward", "create", "to ask each epmd for its names, and each node for its challenge"},
	)
}

// PrintRole is the Role that an inspection of the namespace needs, and its binding, as YAML that `kubectl apply -f -` takes. The subject
// of the binding is a placeholder. Where a right is missing, what it is for is not seen; without the workloads nothing is.
func PrintRole(namespace string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# What meshproof inspect makes use of in namespace %s. It changes nothing and reads no Secret. Where a line is left out, what it is\n", namespace)
	b.WriteString("# for is not seen, and the checks that need it are unknown. exec and port-forward are powerful: whoever has them may do more than inspect.\n")
	fmt.Fprintf(&b, "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: meshproof-inspect, namespace: %q}\nrules:\n", namespace)
	for _, r := range rights() {
		fmt.Fprintf(&b, "# %s\n- {apiGroups: [%q], resources: [%q], verbs: [%q]}\n", r.why, r.group, r.resource, r.verb)
	}
	fmt.Fprintf(&b, "---\n# Put the user, the group or the ServiceAccount that runs meshproof in place of SUBJECT.\n"+
		"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: meshproof-inspect, namespace: %q}\n"+
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: meshproof-inspect}\nsubjects:\n- {apiGroup: rbac.authorization.k8s.io, kind: User, name: SUBJECT}\n", namespace)
	return b.String()
}
