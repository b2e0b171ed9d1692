package rights

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
)

// shop are manifests with what needs rights of its own.
const shop = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: shop}
spec: {volumeClaimTemplates: [{metadata: {name: data}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: shop}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: peers}
rules:
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: peers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: peers}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
`

func plan(t *testing.T, namespace string) Plan {
	t.Helper()
	objects, err := manifest.Rendered([]byte(shop)).Parse()
	if err != nil {
		t.Fatal(err)
	}
	return Plan{Namespace: namespace, Objects: objects, Rolled: []string{"StatefulSet/shop"}, Secrets: []string{"shop"}, Commands: true}
}

// printed are the rules of the printed role.
func printed(t *testing.T, p Plan) (kind, namespace string, all []rbacv1.PolicyRule) {
	t.Helper()
	role, binding, two := strings.Cut(Print(p), "\n---\n")
	var r rbacv1.ClusterRole
	var b rbacv1.ClusterRoleBinding
	if err := yaml.UnmarshalStrict([]byte(role), &r); err != nil {
		t.Fatalf("%v:\n%s", err, role)
	}
	if err := yaml.UnmarshalStrict([]byte(binding), &b); err != nil || !two {
		t.Fatalf("%v:\n%s", err, binding)
	}
	if b.RoleRef.Kind != r.Kind || b.RoleRef.Name != r.Name || b.Kind != r.Kind+"Binding" || b.Namespace != r.Namespace || len(b.Subjects) != 1 {
		t.Errorf("the binding %+v is not of %s %s", b, r.Kind, r.Name)
	}
	return r.Kind, r.Namespace, r.Rules
}

// allowed reports whether a rule allows it.
func allowed(all []rbacv1.PolicyRule, verb, group, resource, name string) bool {
	return slices.ContainsFunc(all, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Verbs, verb) && slices.Contains(r.APIGroups, group) && slices.Contains(r.Resources, resource) && (len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, name))
	})
}

func TestWhatIsPrintedAllowsWhatIsNeededAndNoMore(t *testing.T) {
	for _, namespace := range []string{"", "prod"} {
		p := plan(t, namespace)
		kind, in, all := printed(t, p)
		if want := map[string]string{"": "ClusterRole", "prod": "Role"}[namespace]; kind != want || in != namespace {
			t.Errorf("%s in %q", kind, in)
		}
		needed := Needed(p)
		for _, r := range needed {
			for _, v := range r.Verbs {
				for _, n := range append(r.Names, slices.Repeat([]string{"any"}, 1-min(1, len(r.Names)))...) {
					if !allowed(all, v, r.Group, r.Resource, n) {
						t.Errorf("%q: not allowed: %s %s %s", namespace, v, r.Resource, n)
					}
				}
			}
		}
		for _, rule := range all {
			for _, v := range rule.Verbs {
				if !slices.ContainsFunc(needed, func(r Right) bool {
					return slices.Contains(r.Verbs, v) && r.Resource == rule.Resources[0] && r.Group == rule.APIGroups[0] && slices.Equal(r.Names, rule.ResourceNames)
				}) {
					t.Errorf("%q: allowed and not needed: %s %v", namespace, v, rule)
				}
				if v == "*" || v == "escalate" || v == "impersonate" {
					t.Errorf("%q: %v", namespace, rule)
				}
			}
		}
	}
}

func TestWithinANamespaceNothingOfTheClusterIsNeeded(t *testing.T) {
	for _, r := range Needed(plan(t, "prod")) {
		if r.Cluster {
			t.Errorf("%+v", r)
		}
	}
	for _, r := range Needed(plan(t, "")) {
		if !r.Cluster {
			t.Errorf("the namespaces of the run are not known before: %+v", r)
		}
	}
}

func TestRightsOfTheManifests(t *testing.T) {
	_, _, all := printed(t, plan(t, "prod"))
	for _, c := range []struct {
		verb, group, resource, name string
		want                        bool
	}{
		{"create", "apps", "statefulsets", "any", true},
		{"delete", "apps", "statefulsets", "shop", true},
		{"delete", "apps", "statefulsets", "other", false},
		{"patch", "apps", "statefulsets", "shop", true}, // its rollout
		{"list", "", "persistentvolumeclaims", "data-shop-0", true},
		{"delete", "", "persistentvolumeclaims", "data-shop-0", true},
		{"create", "policy", "poddisruptionbudgets", "any", true},
		{"get", "", "secrets", "shop", true},
		{"get", "", "secrets", "other", false},
		{"list", "", "secrets", "", false},
		{"get", "discovery.k8s.io", "endpointslices", "x", true}, // the Role grants it
		{"bind", "rbac.authorization.k8s.io", "clusterroles", "view", true},
		{"bind", "rbac.authorization.k8s.io", "clusterroles", "admin", false},
		{"bind", "rbac.authorization.k8s.io", "roles", "peers", false}, // who has its rights need not
		{"create", "", "pods/exec", "x", true},
		{"list", "", "nodes", "", false},
	} {
		if got := allowed(all, c.verb, c.group, c.resource, c.name); got != c.want {
			t.Errorf("%s %s.%s %s: %v", c.verb, c.resource, c.group, c.name, got)
		}
	}
}

// What only some scenarios do needs rights only where they are asked for.
func TestRightsOfScenarios(t *testing.T) {
	for _, asked := range []bool{false, true} {
		p := plan(t, "prod")
		if asked {
			p.Scaled, p.Rotated = []string{"StatefulSet/shop"}, []string{"shop"}
		}
		_, _, all := printed(t, p)
		if got := allowed(all, "patch", "apps", "statefulsets/scale", "shop"); got != asked {
			t.Errorf("asked for is %v, it may be scaled: %v", asked, got)
		}
		if got := allowed(all, "patch", "", "secrets", "shop"); got != asked || allowed(all, "patch", "", "secrets", "other") {
			t.Errorf("asked for is %v, the cookie may be changed: %v", asked, got)
		}
	}
}

// Each verb of the table is taken away once: the answer names exactly that.
func TestEachRightThatIsMissingIsNamed(t *testing.T) {
	for _, namespace := range []string{"", "prod"} {
		s := ownershiptest.Start(t)
		client, err := kubernetes.NewForConfig(s.Config)
		if err != nil {
			t.Fatal(err)
		}
		needed := merged(Needed(plan(t, namespace)))
		if missing, err := Missing(t.Context(), client, namespace, needed); err != nil || len(missing) > 0 {
			t.Fatalf("%v, %v", missing, err)
		}
		tried := map[string]bool{}
		for _, r := range needed {
			for _, v := range r.Verbs {
				taken := v + " " + r.Resource
				if tried[taken] {
					continue
				}
				tried[taken] = true
				s.Refuse = []string{taken}
				missing, err := Missing(t.Context(), client, namespace, needed)
				if err != nil || len(missing) == 0 {
					t.Errorf("%s: %v, %v", taken, missing, err)
				}
				for _, m := range missing {
					if name := m.String(); name != strings.TrimSpace(taken+" "+strings.Join(m.Names, " ")) {
						t.Errorf("%s: the answer is %q", taken, name)
					}
				}
			}
		}
		if len(tried) < 30 {
			t.Errorf("%d rights", len(tried))
		}
		if asked := s.Asked(); len(asked) > 0 {
			t.Errorf("changed: %v", asked)
		}
	}
}

func TestWhatAUserLacksForAReaper(t *testing.T) {
	s := ownershiptest.Start(t)
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	s.Refuse = []string{"clusterrolebindings", "create deployments"}
	missing, err := Missing(t.Context(), client, "", Needed(Plan{}))
	necessary, lost := Necessary(missing)
	if err != nil || len(necessary) > 0 || List(lost[NoReaper]) != "create clusterrolebindings, get clusterrolebindings, delete clusterrolebindings, create deployments" {
		t.Errorf("%v, %v, %v", necessary, lost, err)
	}
	if twice := []Right{{Verbs: []string{"get"}, Resource: "secrets", Names: []string{"shop"}, For: "a"}, {Verbs: []string{"get"}, Resource: "secrets", Names: []string{"shop"}, For: "b"}}; List(twice) != "get secrets shop" {
		t.Errorf("%s", List(twice))
	}
}
