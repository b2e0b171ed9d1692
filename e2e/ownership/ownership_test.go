package ownership

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
	"meshproof.dev/meshproof/e2e/ownership/reaper"
)

const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

func begun(t *testing.T, s *ownershiptest.Server, namespaces ...string) (*Run, kubernetes.Interface) {
	t.Helper()
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	r := New()
	if err = r.CreateRoot(t.Context(), client, "20261128"); err != nil {
		t.Fatal(err)
	}
	for _, ns := range append([]string{r.Name}, namespaces...) {
		if err = r.CreateNamespace(t.Context(), client, ns, true); err != nil {
			t.Fatal(err)
		}
	}
	return r, client
}

// theirs are objects of somebody else that nothing here may touch.
func theirs(s *ownershiptest.Server) {
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod", "labels": {"whose": "theirs"}}}`)
	s.Put(roles, `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "admin"}}`)
	s.Put("/api/v1/namespaces/prod/configmaps", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}}`)
}

var theirObjects = []string{"/api/v1/namespaces/prod", "/api/v1/namespaces/prod/configmaps/shop", roles + "/admin"}

func TestARunIsFoundByItsLabelAndGoesWithItsRoot(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	r, client := begun(t, s, "meshproof-shop-1")
	if err := r.CreateLease(t.Context(), s.Config, client, "20261128"); err != nil {
		t.Fatal(err)
	}
	if err := r.DeployReaper(t.Context(), client, "localhost/agent:1", time.Second); err != nil {
		t.Fatal(err)
	}
	root := s.Get(roles + "/" + r.Name)
	if root == nil || root.GetLabels()[Label] != r.Name || len(root.GetOwnerReferences()) != 0 || len(root.GetFinalizers()) != 0 {
		t.Fatalf("root: %v", root)
	}
	// What is outside of the run's namespaces has label and owner; what is in them goes with them.
	outside := []string{"/api/v1/namespaces/" + r.Name, "/api/v1/namespaces/meshproof-shop-1", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/" + r.Name}
	for _, path := range outside {
		o := s.Get(path)
		if o == nil || o.GetLabels()[Label] != r.Name || len(o.GetOwnerReferences()) != 1 || o.GetOwnerReferences()[0] != r.Owner() || o.GetOwnerReferences()[0].UID != root.GetUID() {
			t.Errorf("%s: %v", path, o)
		}
	}
	if err := r.DeleteRoot(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if left := s.Left(); !slices.Equal(left, theirObjects) {
		t.Errorf("left: %q", left)
	}
}

func TestTheReaperMayDoNoMoreThanItMust(t *testing.T) {
	s := ownershiptest.Start(t)
	r, client := begun(t, s)
	if err := r.DeployReaper(t.Context(), client, "localhost/agent:1", time.Second); err != nil {
		t.Fatal(err)
	}
	root, err := client.RbacV1().ClusterRoles().Get(t.Context(), r.Name, metav1.GetOptions{})
	if err != nil || len(root.Rules) != 1 || fmt.Sprint(root.Rules[0].Resources, root.Rules[0].ResourceNames, root.Rules[0].Verbs) != "[clusterroles] ["+r.Name+"] [get delete]" {
		t.Errorf("%+v, %v", root.Rules, err)
	}
	role, err := client.RbacV1().Roles(r.Name).Get(t.Context(), reaperName, metav1.GetOptions{})
	if err != nil || len(role.Rules) != 1 || fmt.Sprint(role.Rules[0].Resources, role.Rules[0].ResourceNames, role.Rules[0].Verbs) != "[leases] ["+r.Name+"] [get]" {
		t.Errorf("%+v, %v", role.Rules, err)
	}
	d, err := client.AppsV1().Deployments(r.Name).Get(t.Context(), reaperName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	if !*pod.SecurityContext.RunAsNonRoot || pod.HostPID || pod.HostNetwork || *c.SecurityContext.AllowPrivilegeEscalation || !*c.SecurityContext.ReadOnlyRootFilesystem ||
		c.SecurityContext.Capabilities.Drop[0] != "ALL" || len(c.SecurityContext.Capabilities.Add) > 0 || c.Resources.Limits.Memory().IsZero() || c.Command[0] != "/reaper" {
		t.Errorf("%+v", pod)
	}
}

// The API server makes the object, and the answer never arrives.
func TestWhatWasCreatedWithoutAnAnswerIsRemoved(t *testing.T) {
	for _, lost := range []string{"clusterroles", "namespaces", "clusterrolebindings"} {
		t.Run(lost, func(t *testing.T) {
			s := ownershiptest.Start(t)
			theirs(s)
			client, err := kubernetes.NewForConfig(s.Config)
			if err != nil {
				t.Fatal(err)
			}
			s.Lose = []string{lost}
			r := New()
			err = r.CreateRoot(t.Context(), client, "x")
			if err == nil {
				if err = r.CreateNamespace(t.Context(), client, r.Name, true); err == nil {
					err = r.DeployReaper(t.Context(), client, "localhost/agent:1", time.Second)
				}
			}
			if err == nil {
				t.Fatal("the answer arrived")
			}
			if len(s.Left()) == len(theirObjects) {
				t.Fatal("nothing was created")
			}
			if err = r.Remove(t.Context(), s.Config, time.Second); err != nil {
				t.Error(err)
			}
			if left := s.Left(); !slices.Equal(left, theirObjects) {
				t.Errorf("left: %q", left)
			}
		})
	}
}

func TestWhatCannotBeRemovedIsNamedWithItsReason(t *testing.T) {
	s := ownershiptest.Start(t)
	r, _ := begun(t, s, "meshproof-shop-1")
	s.Stuck = []string{"meshproof-shop-1"}
	err := r.Remove(t.Context(), s.Config, 100*time.Millisecond)
	var left *StillThere
	if !errors.As(err, &left) || left.Kind != "namespace" || left.Name != "meshproof-shop-1" {
		t.Errorf("%v", err)
	}
	if err == nil || err.Error() != "namespace meshproof-shop-1: Some content has finalizers remaining: example.org/stuck in 1 resource instances" {
		t.Errorf("%v", err)
	}
}

func TestWithoutARootWhatHasTheLabelIsRemoved(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	s.Refuse = []string{"clusterroles"}
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	r := New()
	if err = r.CreateRoot(t.Context(), client, "x"); !Refused(err) || r.Root != "" {
		t.Fatal(err)
	}
	if err = r.CreateNamespace(t.Context(), client, r.Name, true); err != nil {
		t.Fatal(err)
	}
	if err = r.DeployReaper(t.Context(), client, "localhost/agent:1", time.Second); err == nil {
		t.Error("a reaper that can delete nothing")
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "ours"}}
	r.Mark(config)
	if _, err = client.CoreV1().ConfigMaps("prod").Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err = r.Remove(t.Context(), s.Config, time.Second); err != nil {
		t.Error(err)
	}
	if left := s.Left(); !slices.Equal(left, theirObjects) {
		t.Errorf("left: %q", left)
	}
}

// sweep is what was said, and the error.
func sweep(t *testing.T, s *ownershiptest.Server, everything bool) (said []string, err error) {
	t.Helper()
	return said, Sweep(context.WithoutCancel(t.Context()), s.Config, everything, func(line string) { said = append(said, line) })
}

func TestASweepRemovesDeadRunsAndNoOthers(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	s.Old = 3 * time.Minute
	dead, client := begun(t, s)
	lease(t, s, client, dead, 2*time.Minute+time.Second)
	live, client := begun(t, s, "meshproof-live")
	lease(t, s, client, live, time.Minute+50*time.Second)
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "of-an-old-version", "labels": {"meshproof.dev/run": "20250101"}}}`)
	s.Old = time.Minute
	starts, _ := begun(t, s) // it has no Lease yet
	var said []string
	err := Sweep(t.Context(), s.Config, false, func(line string) { said = append(said, line) })
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat(theirObjects, []string{
		roles + "/" + live.Name, "/api/v1/namespaces/" + live.Name, "/api/v1/namespaces/meshproof-live", "/apis/coordination.k8s.io/v1/namespaces/" + live.Name + "/leases/" + live.Name,
		roles + "/" + starts.Name, "/api/v1/namespaces/" + starts.Name,
	})
	slices.Sort(want)
	if left := s.Left(); !slices.Equal(left, want) {
		t.Errorf("left:\n%s\nwanted:\n%s", strings.Join(left, "\n"), strings.Join(want, "\n"))
	}
	all := strings.Join(said, "\n")
	for _, w := range []string{
		"removed what run " + dead.Name + " of meshproof had left: clusterrole " + dead.Name + ", namespace " + dead.Name, "removed what run 20250101 of meshproof had left: namespace of-an-old-version",
		"run " + live.Name + " of meshproof is left alone (its Lease was renewed 1m", "run " + starts.Name + " of meshproof is left alone (it made clusterrole",
	} {
		if !strings.Contains(all, w) {
			t.Errorf("not said: %s\nsaid:\n%s", w, all)
		}
	}
	for _, asked := range s.Asked() {
		if strings.HasPrefix(asked, "DELETE") && (strings.Contains(asked, live.Name) || strings.Contains(asked, starts.Name) || strings.Contains(asked, "prod") || strings.HasSuffix(asked, "/admin")) {
			t.Errorf("asked: %s", asked)
		}
	}
}

func lease(t *testing.T, s *ownershiptest.Server, client kubernetes.Interface, r *Run, age time.Duration) {
	t.Helper()
	if err := r.CreateLease(t.Context(), s.Config, client, "20261128"); err != nil {
		t.Fatal(err)
	}
	l, err := client.CoordinationV1().Leases(r.Name).Get(t.Context(), r.Name, metav1.GetOptions{})
	if err != nil || time.Since(l.Spec.RenewTime.Time).Abs() > 5*time.Second || *l.Spec.LeaseDurationSeconds != 120 || *l.Spec.HolderIdentity != r.Name {
		t.Fatalf("%+v, %v", l, err)
	}
	patch := fmt.Sprintf(`{"spec":{"renewTime":%q}}`, time.Now().Add(-age).UTC().Format("2006-01-02T15:04:05.000000Z"))
	if _, err = client.CoordinationV1().Leases(r.Name).Patch(t.Context(), r.Name, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// An object in somebody's namespace that has no root is found by a sweep of everything.
func TestASweepOfEverythingLooksIntoNamespaces(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	s.Old = 3 * time.Minute
	s.Put("/api/v1/namespaces/prod/configmaps", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ours", "labels": {"meshproof.dev/run": "r0"}}}`)
	if said, err := sweep(t, s, false); err != nil || len(s.Left()) != len(theirObjects)+1 {
		t.Errorf("%v, %v: left %q", said, err, s.Left())
	}
	said, err := sweep(t, s, true)
	if left := s.Left(); err != nil || !slices.Equal(left, theirObjects) {
		t.Errorf("%v, %v: left %q", said, err, left)
	}
}

func TestASweepNamesWhatRemains(t *testing.T) {
	s := ownershiptest.Start(t)
	s.Old = 3 * time.Minute
	r, _ := begun(t, s)
	s.Stuck = []string{r.Name}
	c, err := newCluster(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	err = c.sweep(t.Context(), true, 100*time.Millisecond, func(string) {})
	if err == nil || exitcode.Of(err) != exitcode.Internal || !strings.Contains(err.Error(), "left by run "+r.Name+" of meshproof:\nnamespace "+r.Name+": ") {
		t.Errorf("%d, %v", exitcode.Of(err), err)
	}
}

// A kind of somebody's that does not answer, such as one with a broken webhook, does not make a run fail.
func TestAKindThatDoesNotAnswerIsPassedOver(t *testing.T) {
	s := ownershiptest.Start(t)
	r, _ := begun(t, s)
	s.Broken = []string{"configmaps"}
	if err := r.Remove(t.Context(), s.Config, time.Second); err != nil || len(s.Left()) > 0 {
		t.Errorf("%v, left %q", err, s.Left())
	}
	s.Old = time.Hour
	r, _ = begun(t, s)
	said, err := sweep(t, s, true)
	if err != nil || len(s.Left()) > 0 || len(said) != 2 || said[0] != "could not be listed, so that nothing of these kinds is removed: configmaps" || !strings.Contains(said[1], r.Name) {
		t.Errorf("%v, said %q, left %q", err, said, s.Left())
	}
	s.Broken = []string{"namespaces"}
	if err = r.Remove(t.Context(), s.Config, time.Second); err == nil || !strings.Contains(err.Error(), "list namespaces") {
		t.Errorf("nobody saw whether a namespace is left: %v", err)
	}
}

func TestTheLeaseIsRenewedWithTheTimeOfTheAPIServer(t *testing.T) {
	s := ownershiptest.Start(t)
	r, client := begun(t, s)
	lease(t, s, client, r, time.Hour)
	s.Ahead = 10 * time.Minute
	if err := r.renew(t.Context(), s.Config, client); err != nil {
		t.Fatal(err)
	}
	l, err := client.CoordinationV1().Leases(r.Name).Get(t.Context(), r.Name, metav1.GetOptions{})
	if err != nil || (time.Until(l.Spec.RenewTime.Time)-s.Ahead).Abs() > 5*time.Second {
		t.Errorf("%v, %v", l.Spec.RenewTime, err)
	}
	// Another machine, with another clock, sees a run that lives.
	if said, err := sweep(t, s, true); err != nil || len(said) != 1 || !strings.Contains(said[0], "is left alone (its Lease was renewed ") {
		t.Errorf("%v, said %q", err, said)
	}
	if renewal*4 > reaper.Silence {
		t.Errorf("renewed every %s, dead after %s: a few lost answers would kill a run", renewal, reaper.Silence)
	}
}

// Somebody makes an object with the name of one of ours, after ours was found.
func TestAnObjectIsDeletedByItsUID(t *testing.T) {
	s := ownershiptest.Start(t)
	r, client := begun(t, s, "meshproof-shop-1")
	c, err := newCluster(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	ours, _, err := c.find(t.Context(), r.Name, false)
	if err != nil || len(ours) != 3 {
		t.Fatalf("%v, %v", ours, err)
	}
	if err = r.DeleteRoot(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshproof-shop-1"}}`)
	s.Put(roles, fmt.Sprintf(`{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": %q}}`, r.Name))
	if err = errors.Join(c.remove(t.Context(), ours, time.Second), r.DeleteRoot(t.Context(), client)); err != nil {
		t.Error(err)
	}
	if left := s.Left(); len(left) != 2 {
		t.Errorf("left %q", left)
	}
}
