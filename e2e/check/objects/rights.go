package objects

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"meshproof.dev/meshproof/e2e/manifest"
)

// Rights are what the manifests let a workload's account do in a namespace.
type Rights struct {
	Grants []manifest.Grant
	// Unknown is a grant whose rules are not in the manifests, as a sentence's end: "RoleBinding b gives it ClusterRole r, which …".
	Unknown string
}

// RightsOf are those of an account of that namespace: "" is one that is not known.
func (m *Manifests) RightsOf(namespace, account string) Rights {
	var all Rights
	roles := m.Roles()
	for _, b := range m.Bindings() {
		if !b.To(namespace, account) {
			continue
		}
		g := manifest.Grant{Binding: b}
		if i := slices.IndexFunc(roles, b.Of); i >= 0 {
			g.Role = roles[i]
		}
		all.Grants = append(all.Grants, g)
		gives := b.String() + " gives it " + b.Role.Kind + " " + b.Role.Name
		switch {
		case g.Role != nil && g.Role.Raw["aggregationRule"] != nil:
			all.Unknown = gives + ", which is made of the rules of others (aggregationRule), and not all of them need be in the manifests"
		case g.Role == nil && !readsAll(b):
			all.Unknown = gives + ", whose rules are not in the manifests"
		}
	}
	return all
}

// readsAll reports whether the role is one of Kubernetes' own that may read all that peers are found by
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles).
func readsAll(b *manifest.Binding) bool {
	return b.Role.Kind == "ClusterRole" && slices.Contains([]string{"cluster-admin", "admin", "edit", "view"}, b.Role.Name)
}

// Allow reports whether one of these permissions is granted: in the namespace, or in all of them.
func (r Rights) Allow(one []Access, namespace string, everywhere bool) bool {
	return slices.ContainsFunc(r.Grants, func(g manifest.Grant) bool {
		here := g.Everywhere() || !everywhere && manifest.SameNamespace(g.Binding.Namespace, namespace)
		return here && (g.Role == nil && readsAll(g.Binding) || slices.ContainsFunc(one, func(a Access) bool { return allows(g.Role, a) }))
	})
}

// allows reports whether a rule of the role has the permission. A list of names restricts what is got by its name, and forbids all
// lists (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources).
func allows(role *manifest.AccessRole, a Access) bool {
	has := func(list []string, what string) bool {
		return slices.Contains(list, what) || slices.Contains(list, "*")
	}
	return role != nil && slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
		return has(r.Verbs, a.Verb) && has(r.APIGroups, a.Group) && has(r.Resources, a.Resource) && (len(r.ResourceNames) == 0 || a.Verb == "get")
	})
}

// WithToken reports whether w's containers have a token to ask the API with, and what says that they have none.
func (m *Manifests) WithToken(w *manifest.Workload) (is bool, why string) {
	if m.Token(w) {
		return true, ""
	}
	for _, c := range w.Containers(manifest.Main, manifest.Sidecar) {
		if slices.ContainsFunc(m.Files(w, c), func(f manifest.File) bool { return f.Kind == "ServiceAccountToken" }) {
			return true, ""
		}
		for _, at := range c.VolumeMounts {
			if at.MountPath == "/var/run/secrets/kubernetes.io/serviceaccount" {
				return true, ""
			}
		}
	}
	if w.Pod().AutomountServiceAccountToken != nil {
		return false, "the pod template of " + w.String()
	}
	return false, "ServiceAccount " + w.Account()
}
