package manifest

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RBAC: https://kubernetes.io/docs/reference/access-authn-authz/rbac/

// AccessRole is a Role or a ClusterRole.
type AccessRole struct {
	*Document
	Rules []rbacv1.PolicyRule
}

// Binding is a RoleBinding or a ClusterRoleBinding.
type Binding struct {
	*Document
	Role     rbacv1.RoleRef
	Subjects []rbacv1.Subject
}

// Roles are all Roles and ClusterRoles of the set. One that is aggregated has the rules of those in the set that it selects; others may
// be in the cluster.
func (s *Set) Roles() []*AccessRole {
	var all []*AccessRole
	for _, d := range s.Documents {
		switch o := d.Object.(type) {
		case *rbacv1.Role:
			all = append(all, &AccessRole{d, o.Rules})
		case *rbacv1.ClusterRole:
			all = append(all, &AccessRole{d, slices.Concat(o.Rules, s.aggregated(o))})
		}
	}
	return all
}

// aggregated are the rules of the ClusterRoles that this one selects
// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles).
func (s *Set) aggregated(role *rbacv1.ClusterRole) []rbacv1.PolicyRule {
	var all []rbacv1.PolicyRule
	if role.AggregationRule == nil {
		return nil
	}
	for _, d := range s.Of("ClusterRole") {
		o, is := d.Object.(*rbacv1.ClusterRole)
		if is && slices.ContainsFunc(role.AggregationRule.ClusterRoleSelectors, func(l metav1.LabelSelector) bool {
			selects, err := Selects(&l, o.Labels)
			return err == nil && selects
		}) {
			all = append(all, o.Rules...)
		}
	}
	return all
}

// Bindings are all RoleBindings and ClusterRoleBindings of the set.
func (s *Set) Bindings() []*Binding {
	var all []*Binding
	for _, d := range s.Documents {
		switch o := d.Object.(type) {
		case *rbacv1.RoleBinding:
			all = append(all, &Binding{d, o.RoleRef, o.Subjects})
		case *rbacv1.ClusterRoleBinding:
			all = append(all, &Binding{d, o.RoleRef, o.Subjects})
		}
	}
	return all
}

// Of reports whether the binding gives that role.
func (b *Binding) Of(r *AccessRole) bool {
	return b.Role.Kind == r.Kind && b.Role.Name == r.Name && (r.Kind == "ClusterRole" || SameNamespace(b.Namespace, r.Namespace))
}

// To reports whether the binding gives its role to a ServiceAccount: by its name, or as one of a group that holds all
// ServiceAccounts, those of its namespace, or all that are authenticated. A subject without a namespace is in that of the binding.
func (b *Binding) To(namespace, account string) bool {
	return slices.ContainsFunc(b.Subjects, func(x rbacv1.Subject) bool {
		switch x.Kind {
		case rbacv1.ServiceAccountKind:
			return x.Name == account && SameNamespace(cmp.Or(x.Namespace, b.Namespace), namespace)
		case rbacv1.GroupKind:
			return x.Name == "system:authenticated" || x.Name == "system:serviceaccounts" || x.Name == "system:serviceaccounts:"+namespace
		case rbacv1.UserKind:
			return namespace != "" && x.Name == "system:serviceaccount:"+namespace+":"+account
		}
		return false
	})
}

// Grant is a role that an account has.
type Grant struct {
	Role    *AccessRole // nil where the binding's role is not in the set
	Binding *Binding
}

// Everywhere reports whether the grant holds in all namespaces; another holds in that of its binding only.
func (g Grant) Everywhere() bool { return g.Binding.Kind == "ClusterRoleBinding" }

// Allows reports whether the grant lets its account do that to a resource ("" is the core group).
func (g Grant) Allows(verb, group, resource string) bool {
	return g.Role != nil && slices.ContainsFunc(g.Role.Rules, func(r rbacv1.PolicyRule) bool {
		has := func(list []string, what string) bool {
			return slices.Contains(list, what) || slices.Contains(list, "*")
		}
		return len(r.ResourceNames) == 0 && has(r.Verbs, verb) && has(r.APIGroups, group) && has(r.Resources, resource)
	})
}

// Grants are the roles that the set gives to a workload's account.
func (s *Set) Grants(w *Workload) []Grant {
	var all []Grant
	roles := s.Roles()
	for _, b := range s.Bindings() {
		if !b.To(w.Namespace, w.Account()) {
			continue
		}
		g := Grant{Binding: b}
		if i := slices.IndexFunc(roles, b.Of); i >= 0 {
			g.Role = roles[i]
		}
		all = append(all, g)
	}
	return all
}

// Token reports whether a token of its account is mounted into the workload's pods: unless the pod says so or, where it says
// nothing, its ServiceAccount does (https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/).
func (s *Set) Token(w *Workload) bool {
	if on := w.Pod().AutomountServiceAccountToken; on != nil {
		return *on
	}
	a, there := find[*corev1.ServiceAccount](s, "ServiceAccount", w.Namespace, w.Account())
	return !there || a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken
}
