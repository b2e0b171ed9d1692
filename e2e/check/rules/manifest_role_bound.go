package rules

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestRoleBound() check.Check {
	return check.Check{
		ID: "manifest/role-bound", Title: "binds the role for peer discovery to the service account of its pods", Rung: check.Manifest, Level: check.Required, Scenario: "formation",
		Why:    "A role has no effect until it is bound. Without a binding, the API server answers 403 to each query for peers, and each node stays alone.",
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#rolebinding-and-clusterrolebinding",
		Causes: check.Alike(check.NeedsLinks(), "unbound", "other-account"),
		Judge: func(v *view.View) []check.Finding {
			r, bad := readRBAC(objects.Read(v))
			return objects.EachWorkload(v, func(_ *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				switch {
				case bad != "":
					f.Outcome, f.Message = check.Unseen, bad
				case len(r.roles) == 0:
					f.Skip("no role in the manifests reads pods, endpoints or endpointslices")
				default:
					r.judge(w, f)
				}
			})
		},
	}
}

// rbac are the roles that may read the peers, and to whom each is bound.
type rbac struct {
	roles []string            // "KIND NAME"
	bound map[string][]string // ServiceAccounts by role
	any   map[string]bool     // roles that are bound to a user or a group
}

func readRBAC(m *objects.Manifests) (r rbac, bad string) {
	r = rbac{bound: map[string][]string{}, any: map[string]bool{}}
	for _, d := range m.Of("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") {
		if d.Err != nil {
			return r, fmt.Sprintf("%s/%s could not be read: %v", d.Kind, d.Name, d.Err)
		}
	}
	for _, b := range m.Bindings() {
		role := b.Role.Kind + " " + b.Role.Name
		for _, s := range b.Subjects {
			if s.Kind == rbacv1.ServiceAccountKind {
				r.bound[role] = append(r.bound[role], s.Name)
			} else {
				r.any[role] = true
			}
		}
	}
	for _, role := range m.Roles() {
		if slices.ContainsFunc(role.Rules, readsPeers) {
			r.roles = append(r.roles, role.String())
		}
	}
	return r, ""
}

func readsPeers(rule rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(rule.Resources, func(s string) bool { return s == "pods" || s == "endpoints" || s == "endpointslices" })
}

// judge passes a workload if one of the roles is bound to its service account. It skips a workload without an account of its own
// if the roles are bound to other accounts: they are for something else.
func (r rbac) judge(w *manifest.Workload, f *check.Finding) {
	account := w.Account()
	var bound []string
	for _, role := range r.roles {
		if r.any[role] || slices.Contains(r.bound[role], account) {
			return
		}
		bound = append(bound, r.bound[role]...)
	}
	switch {
	case len(bound) == 0:
		f.Fail("unbound", fmt.Sprintf("%s grant%s access to the list of peers, but no binding in the manifests refers to it", check.List(r.roles), check.VerbS(len(r.roles))),
			fmt.Sprintf("add a RoleBinding: roleRef to %s, subjects: [{kind: ServiceAccount, name: %s}]", r.roles[0], account))
	case account == "default":
		f.Skip(fmt.Sprintf("%s uses the default service account; the roles in the manifests are bound to %s", w, check.List(bound)))
	default:
		f.Fail("other-account", fmt.Sprintf("%s grant%s access to the list of peers to service account %s, but the pods of %s run as %s", check.List(r.roles), check.VerbS(len(r.roles)), check.List(bound), w, account),
			fmt.Sprintf("add ServiceAccount %s to the subjects of the binding, or set serviceAccountName of the pods to %s", account, bound[0]))
	}
}
