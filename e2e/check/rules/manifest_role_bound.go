package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestRoleBound() check.Check {
	return check.Check{
		ID: "manifest/role-bound", Title: "lets the service account of its pods ask the Kubernetes API for peers", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "Who asks the Kubernetes API for peers needs a token, and a role that is bound to the account of the pods. Without it the API server answers 401 or 403 to each query, and each node stays alone.",
		Source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#rolebinding-and-clusterrolebinding",
		// Who may not ask has no answer that could be kept, nor a reason to go on with DNS.
		Causes: check.Alike(append(check.NeedsLinks(), "discovery/alive"), "unbound", "other-account", "no-role", "no-token", "lacks-access", "other-namespace", "not-cluster-wide"),
		Judge: func(v *view.View) []check.Finding {
			bad := badRBAC(objects.Read(v))
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				a, r := m.AsksAPI(w), readRBAC(m, w, cmp.Or(w.Namespace, v.Profile.Namespace))
				switch {
				case bad != "":
					f.Outcome, f.Message = check.Unseen, bad
				case a != nil && a.Not != "":
					f.Skip(fmt.Sprintf("%s says that %s asks the API, but %s", a.Where, a.By, a.Not))
				case a != nil && v.MeansNoMesh():
					f.Skip(fmt.Sprintf("%s says that %s asks the API, and no connections between nodes are expected", a.Where, a.By))
				case a != nil && a.Unsure == "" && a.Beside == "":
					r.judgeAsking(a, f)
					if f.Outcome == check.Unseen && v.KubeSeen() {
						f.Skip(f.Message + ". On a cluster it shows in whether the nodes find each other")
					}
				case len(r.roles) > 0:
					r.judgeBinding(f)
				case a != nil && a.Beside != "":
					f.Skip(fmt.Sprintf("%s names more than one way to find peers: beside the API, %s", a.Where, a.Beside))
				case a != nil:
					f.Skip("whether the API is asked is not known: " + a.Unsure)
				default:
					f.Skip("no role in the manifests reads pods, endpoints or endpointslices")
				}
			})
		},
	}
}

func badRBAC(m *objects.Manifests) string {
	for _, d := range m.Of("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") {
		if d.Err != nil {
			return fmt.Sprintf("%s/%s could not be read: %v", d.Kind, d.Name, d.Err)
		}
	}
	return ""
}

// rbac are the roles that may read the peers, and to whom they are bound.
type rbac struct {
	m         *objects.Manifests
	w         *manifest.Workload
	namespace string   // of the workload, "" where it is not known
	roles     []string // "KIND NAME"
	bound     bool     // one of them to w's account
	elsewhere string   // the namespace in which alone it is
	others    []string // accounts that they are bound to, those of another namespace as NAMESPACE/NAME
}

func readRBAC(m *objects.Manifests, w *manifest.Workload, namespace string) rbac {
	r := rbac{m: m, w: w, namespace: cmp.Or(namespace, meant(m, w))}
	namespace = r.namespace
	for _, role := range m.Roles() {
		if !slices.ContainsFunc(role.Rules, readsPeers) {
			continue
		}
		r.roles = append(r.roles, role.String())
		for _, b := range m.Bindings() {
			if !b.Of(role) {
				continue
			}
			if here := b.Kind == "ClusterRoleBinding" || manifest.SameNamespace(b.Namespace, namespace); b.To(namespace, w.Account()) && !here {
				r.elsewhere = b.Namespace
				continue
			} else if here {
				r.bound = r.bound || b.To(namespace, w.Account())
			}
			for _, s := range b.Subjects {
				switch {
				case s.Kind != rbacv1.ServiceAccountKind:
					r.bound = true // who is in a group is not known
				case !manifest.SameNamespace(cmp.Or(s.Namespace, b.Namespace), namespace):
					r.others = append(r.others, cmp.Or(s.Namespace, b.Namespace)+"/"+s.Name)
				default:
					r.others = append(r.others, s.Name)
				}
			}
		}
	}
	return r
}

// meant is the namespace in which bindings say that w's account is, "" where they say none, or several.
func meant(m *objects.Manifests, w *manifest.Workload) string {
	namespace := ""
	for _, b := range m.Bindings() {
		for _, s := range b.Subjects {
			switch {
			case s.Kind != rbacv1.ServiceAccountKind || s.Name != w.Account() || s.Namespace == "":
			case namespace != "" && namespace != s.Namespace:
				return ""
			default:
				namespace = s.Namespace
			}
		}
	}
	return namespace
}

func readsPeers(rule rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(rule.Resources, func(s string) bool { return s == "pods" || s == "endpoints" || s == "endpointslices" })
}

// judgeBinding passes a workload if one of the roles is bound to its service account. It skips a workload without an account of its own
// if the roles are bound to other accounts: they are for something else.
func (r rbac) judgeBinding(f *check.Finding) {
	switch account := r.w.Account(); {
	case r.bound:
	case r.elsewhere != "":
		f.Skip(fmt.Sprintf("%s of account %s %s bound in namespace %s only, and nothing in the manifests shows in which namespace the nodes look for peers", check.List(r.roles), account, isAre(r.roles), r.elsewhere))
	case len(r.others) == 0:
		f.Fail("unbound", fmt.Sprintf("%s grant%s access to the list of peers, but no binding in the manifests refers to it", check.List(r.roles), check.VerbS(len(r.roles))),
			fmt.Sprintf("add a RoleBinding: roleRef to %s, subjects: [{kind: ServiceAccount, name: %s}]", r.roles[0], account))
	case account == "default" && !slices.Contains(r.others, "default"):
		f.Skip(fmt.Sprintf("%s uses the default service account; the roles in the manifests are bound to %s", r.w, check.List(r.others)))
	default:
		r.otherAccount(f)
	}
}

func (r rbac) otherAccount(f *check.Finding) {
	account, as := r.w.Account(), ""
	remedy := fmt.Sprintf("add ServiceAccount %s to the subjects of the binding, or set serviceAccountName of the pods to %s", account, r.others[0])
	if slices.ContainsFunc(r.others, func(s string) bool { return strings.HasSuffix(s, "/"+account) }) {
		as = " of namespace " + r.namespace
		remedy = fmt.Sprintf("write namespace: %s at ServiceAccount %s in the subjects of the binding", r.namespace, account)
	}
	f.Fail("other-account", fmt.Sprintf("%s grant%s access to the list of peers to service account %s, but the pods of %s run as %s%s", check.List(r.roles), check.VerbS(len(r.roles)), check.List(r.others), r.w, account, as), remedy)
}

func isAre(names []string) string {
	if len(names) == 1 {
		return "is"
	}
	return "are"
}

// judgeAsking judges a workload whose configuration asks the API.
func (r rbac) judgeAsking(a *objects.APIDiscovery, f *check.Finding) {
	account, asks := r.w.Account(), fmt.Sprintf("%s has %s ask the Kubernetes API for peers", a.Where, a.By)
	if is, why := r.m.WithToken(r.w); !is {
		f.Fail("no-token", fmt.Sprintf("%s, but no token is mounted into the pods of %s: automountServiceAccountToken is false in %s", asks, r.w, why),
			"set automountServiceAccountToken: true in the pod template of "+r.w.String())
		return
	}
	rights, namespace := r.m.RightsOf(r.namespace, account), cmp.Or(a.Namespace, r.namespace)
	var missing []string
	elsewhere, here := true, true
	for _, need := range a.Needs {
		if rights.Allow(need, namespace, a.Everywhere) {
			continue
		}
		missing = append(missing, need[0].String())
		elsewhere = elsewhere && rights.Allow(need, "", false)
		here = here && rights.Allow(need, namespace, false)
	}
	add := fmt.Sprintf("add a Role with %s and a RoleBinding of it to ServiceAccount %s", rule(a.Needs[0][0]), account)
	switch {
	case len(missing) == 0:
	case r.refersToNone(rights) != "" && len(r.roles) > 0 && !r.bound && len(r.others) == 0:
		r.judgeBinding(f)
		f.Message += ": " + r.refersToNone(rights)
		f.Remedy = fmt.Sprintf("write name: %s in the roleRef of the binding", strings.TrimPrefix(strings.TrimPrefix(r.roles[0], "Cluster"), "Role "))
	case rights.Unknown != "":
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s; whether account %s may is not known: %s", asks, account, rights.Unknown)
	case a.Everywhere && here:
		f.Fail("not-cluster-wide", fmt.Sprintf("%s in all namespaces, but the binding of account %s holds in its own namespace only", asks, account),
			"bind a ClusterRole with a ClusterRoleBinding, or ask for the objects of one namespace")
	case elsewhere:
		f.Fail("other-namespace", fmt.Sprintf("%s in namespace %s, but the role of account %s is bound in namespace %s", asks, namespace, account, check.List(boundIn(rights))),
			"create the Role and its RoleBinding in namespace "+namespace+", with the account's own namespace in the subject")
	case len(rights.Grants) > 0 && r.bound, len(rights.Grants) > 0 && len(r.roles) == 0:
		f.Fail("lacks-access", fmt.Sprintf("%s, which needs %s; %s of account %s in the manifests allow%s nothing of the kind", asks, check.List(missing), check.List(rolesOf(rights)), account, check.VerbS(len(rights.Grants))),
			"add to its rules: "+rule(a.Needs[0][0]))
	case len(r.roles) > 0 && len(r.others) > 0:
		r.otherAccount(f)
	case len(r.roles) > 0:
		r.judgeBinding(f)
	case account != "default" && r.m.Find("ServiceAccount", r.namespace, account) == nil:
		f.Outcome, f.Message = check.Unseen, fmt.Sprintf("%s; whether account %s may is not known: neither it nor any role for it is in the manifests", asks, account)
	default:
		f.Fail("no-role", fmt.Sprintf("%s, but the account of the pods (%s) has no role in the manifests that allows it: the API server answers 403", asks, account), add)
	}
}

// refersToNone says which binding of the account refers to a Role that is not in the manifests; "" if none does, or one refers to what
// a cluster may have by itself.
func (r rbac) refersToNone(rights objects.Rights) string {
	says := ""
	for _, g := range rights.Grants {
		switch {
		case g.Role != nil:
		case g.Binding.Role.Kind != "Role":
			return ""
		default:
			says = fmt.Sprintf("%s refers to Role %s, which is not there", g.Binding, g.Binding.Role.Name)
		}
	}
	return says
}

// rule is the rule that gives the permission.
func rule(a objects.Access) string {
	return fmt.Sprintf("{apiGroups: [%q], resources: [%s], verbs: [%s]}", a.Group, a.Resource, a.Verb)
}

func boundIn(r objects.Rights) []string {
	var all []string
	for _, g := range r.Grants {
		all = append(all, cmp.Or(g.Binding.Namespace, "of the manifests"))
	}
	return slices.Compact(all)
}

func rolesOf(r objects.Rights) []string {
	var all []string
	for _, g := range r.Grants {
		all = append(all, g.Binding.Role.Kind+" "+g.Binding.Role.Name)
	}
	return all
}
