package elsewhere

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"
)

// A run with just the rights that it prints is green, in namespaces of its own and in one that exists. Without one of them it names it.
func TestRights(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root, "rights")
	c.namespace(t, "team")
	for _, s := range []struct {
		name    string
		profile string
		within  []string
	}{
		{"in namespaces of its own", "dns-a", nil},
		{"in one namespace alone", "dns-a", []string{"-n", "team"}},
		{"in one namespace alone, with a Role of the application", "kube-api", []string{"-n", "team"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			rbac := p.run(t, nil, 0, append([]string{"run", "-f", s.profile, "--print-rbac"}, s.within...)...)
			u := c.user(t, rbac)
			output := p.run(t, nil, 0, append(append([]string{"run", "-f", s.profile}, s.within...), u.on()...)...)
			if strings.Contains(output, "no reaper") {
				t.Errorf("it has no reaper:\n%s", output)
			}
			c.nothingLeft(t)
			// One right less, and there is no run.
			u.without(t, "watch", "endpointslices")
			says(t, p.run(t, nil, 69, append(append([]string{"run", "-f", s.profile}, s.within...), u.on()...)...), "you may not watch endpointslices")
			c.nothingLeft(t)
		})
	}
}

func (c *cluster) namespace(t *testing.T, name string) {
	t.Helper()
	if _, err := c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// user is a ServiceAccount with just the rights of a role.
type user struct {
	cluster    *cluster
	kubeconfig string
	kind       string
	namespace  string
	rules      []rbacv1.PolicyRule
}

// user applies what --print-rbac printed, with a new ServiceAccount as its subject.
func (c *cluster) user(t *testing.T, rbac string) *user {
	t.Helper()
	var role rbacv1.ClusterRole
	printed, _, _ := strings.Cut(rbac, "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(printed), &role); err != nil {
		t.Fatalf("%v:\n%s", err, rbac)
	}
	u := &user{cluster: c, kind: role.Kind, namespace: role.Namespace, rules: role.Rules}
	account, err := c.client.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "somebody-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	meta := metav1.ObjectMeta{Name: "meshproof", Namespace: role.Namespace}
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "default", Name: account.Name}}
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: role.Kind, Name: "meshproof"}
	ctx, rb, none := t.Context(), c.client.RbacV1(), metav1.CreateOptions{}
	if role.Kind == "Role" {
		_, err = rb.Roles(meta.Namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: role.Rules}, none)
		if err == nil {
			_, err = rb.RoleBindings(meta.Namespace).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, none)
		}
	} else {
		_, err = rb.ClusterRoles().Create(ctx, &role, none)
		if err == nil {
			_, err = rb.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects, RoleRef: ref}, none)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { u.remove(t) })
	seconds := int64(time.Hour / time.Second)
	token, err := c.client.CoreV1().ServiceAccounts("default").CreateToken(ctx, account.Name, &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, none)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(c.KubeconfigPath)
	if err != nil {
		t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = &api.AuthInfo{Token: token.Status.Token}
	}
	u.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err = clientcmd.WriteToFile(*config, u.kubeconfig); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(u.kubeconfig); err != nil || st.Size() == 0 {
		t.Fatal(err)
	}
	return u
}

// on are the flags for the cluster as this user.
func (u *user) on() []string {
	return []string{"--context", u.cluster.Context, "--kubeconfig", u.kubeconfig}
}

// without takes one right away.
func (u *user) without(t *testing.T, verb, resource string) {
	t.Helper()
	var rules []rbacv1.PolicyRule
	for _, r := range u.rules {
		if len(r.Resources) == 1 && r.Resources[0] == resource {
			var verbs []string
			for _, v := range r.Verbs {
				if v != verb {
					verbs = append(verbs, v)
				}
			}
			r.Verbs = verbs
		}
		if len(r.Verbs) > 0 {
			rules = append(rules, r)
		}
	}
	meta := metav1.ObjectMeta{Name: "meshproof", Namespace: u.namespace}
	var err error
	if u.kind == "Role" {
		_, err = u.cluster.client.RbacV1().Roles(u.namespace).Update(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.UpdateOptions{})
	} else {
		_, err = u.cluster.client.RbacV1().ClusterRoles().Update(t.Context(), &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// remove takes all rights away.
func (u *user) remove(t *testing.T) {
	t.Helper()
	ctx, rb, now := context.Background(), u.cluster.client.RbacV1(), metav1.DeleteOptions{}
	var err error
	if u.kind == "Role" {
		if err = rb.Roles(u.namespace).Delete(ctx, "meshproof", now); err == nil {
			err = rb.RoleBindings(u.namespace).Delete(ctx, "meshproof", now)
		}
	} else if err = rb.ClusterRoles().Delete(ctx, "meshproof", now); err == nil {
		err = rb.ClusterRoleBindings().Delete(ctx, "meshproof", now)
	}
	if err != nil {
		t.Error(err)
	}
}
