package rights

import (
	"fmt"
	"strings"
)

// Print is the table as YAML that `kubectl apply -f -` takes: with a namespace a Role, else a ClusterRole, and its binding. The
// subject of the binding is a placeholder.
func Print(p Plan) string {
	var b strings.Builder
	kind, in := "ClusterRole", ""
	if p.Namespace != "" {
		kind, in = "Role", fmt.Sprintf(", namespace: %q", p.Namespace)
		fmt.Fprintf(&b, "# What meshproof run --namespace %s needs. All of it is in that namespace.\n", p.Namespace)
		b.WriteString("# The agents are privileged pods: where Pod Security or another admission refuses them, no right helps.\n")
	} else {
		b.WriteString("# What meshproof run needs on this cluster. It makes namespaces with names of its own, hence the rights in all of them;\n" +
			"# with --namespace NS it needs rights in one existing namespace alone.\n")
	}
	fmt.Fprintf(&b, "apiVersion: %s/v1\nkind: %s\nmetadata: {name: meshproof%s}\nrules:\n", rbac, kind, in)
	for _, r := range merged(Needed(p)) {
		names := ""
		if len(r.Names) > 0 {
			names = ", resourceNames: " + quoted(r.Names)
		}
		fmt.Fprintf(&b, "# %s\n- {apiGroups: [%q], resources: [%q]%s, verbs: %s}\n", r.For, r.Group, r.Resource, names, quoted(r.Verbs))
	}
	fmt.Fprintf(&b, "---\n# Put the user, the group or the ServiceAccount that runs meshproof in place of SUBJECT.\n"+
		"apiVersion: %s/v1\nkind: %sBinding\nmetadata: {name: meshproof%s}\nroleRef: {apiGroup: %s, kind: %s, name: meshproof}\nsubjects:\n- {apiGroup: %s, kind: User, name: SUBJECT}\n",
		rbac, kind, in, rbac, kind, rbac)
	return b.String()
}

func quoted(all []string) string {
	var q []string
	for _, s := range all {
		q = append(q, fmt.Sprintf("%q", s))
	}
	return "[" + strings.Join(q, ", ") + "]"
}
