package ownership

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
)

const leases = "/apis/coordination.k8s.io/v1/namespaces/prod/leases"

// begunWithin is a run within the namespace prod, with its reaper.
func begunWithin(t *testing.T, s *ownershiptest.Server) (*Run, kubernetes.Interface) {
	t.Helper()
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	r := NewWithin("prod")
	if err = r.CreateLease(t.Context(), s.Config, client, "20261128"); err != nil {
		t.Fatal(err)
	}
	if err = r.DeployReaper(t.Context(), client, "localhost/agent:1", time.Second); err != nil {
		t.Fatal(err)
	}
	return r, client
}

// silent lets the Lease of a run within a namespace be so old.
func silent(t *testing.T, client kubernetes.Interface, age time.Duration) {
	t.Helper()
	patch := fmt.Sprintf(`{"spec":{"renewTime":%q}}`, time.Now().Add(-age).UTC().Format("2006-01-02T15:04:05.000000Z"))
	if _, err := client.CoordinationV1().Leases("prod").Patch(t.Context(), "meshproof", "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestARunWithinANamespaceMakesNothingOutsideOfIt(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	r, client := begunWithin(t, s)
	for _, asked := range s.Asked() {
		if !strings.Contains(asked, "/namespaces/prod/") {
			t.Errorf("asked: %s", asked)
		}
	}
	root := s.Get(leases + "/meshproof")
	if root == nil || root.GetLabels()[Label] != r.Name || len(root.GetOwnerReferences()) != 0 || len(root.GetFinalizers()) != 0 || root.GetUID() != r.Root {
		t.Fatalf("root: %v", root)
	}
	// Everything has a name that nobody else has, the label and the owner; but for the pod, which goes with its Deployment.
	made := []string{
		"/api/v1/namespaces/prod/serviceaccounts/", "/apis/rbac.authorization.k8s.io/v1/namespaces/prod/roles/",
		"/apis/rbac.authorization.k8s.io/v1/namespaces/prod/rolebindings/", "/apis/apps/v1/namespaces/prod/deployments/",
	}
	for _, path := range made {
		o := s.Get(path + r.Name)
		if o == nil || o.GetLabels()[Label] != r.Name || len(o.GetOwnerReferences()) != 1 || o.GetOwnerReferences()[0] != r.Owner() || o.GetOwnerReferences()[0].UID != root.GetUID() {
			t.Errorf("%s: %v", path, o)
		}
	}
	role, err := client.RbacV1().Roles("prod").Get(t.Context(), r.Name, metav1.GetOptions{})
	if err != nil || len(role.Rules) != 1 || fmt.Sprint(role.Rules[0].Resources, role.Rules[0].ResourceNames, role.Rules[0].Verbs) != "[leases] [meshproof] [get delete]" {
		t.Errorf("%+v, %v", role.Rules, err)
	}
	if err = r.DeleteRoot(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	if left := s.Left(); !slices.Equal(left, slices.Concat([]string{"/api/v1/namespaces/prod", "/api/v1/namespaces/prod/configmaps/shop", "/api/v1/namespaces/prod/pods/" + r.Name + "-1", roles + "/admin"})) {
		t.Errorf("left: %q", left)
	}
}

func TestTheSecondRunWithinANamespaceIsRefused(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	first, client := begunWithin(t, s)
	before := len(s.Left())
	for name, err := range map[string]error{
		"before anything is made": Busy(t.Context(), s.Config, client, "prod"),
		"at the same moment":      NewWithin("prod").CreateLease(t.Context(), s.Config, client, "x"),
	} {
		if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "run "+first.Name+" of meshproof works in namespace prod since "+time.Now().UTC().Format("2006-01-02 ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Busy(t.Context(), s.Config, client, "other"); err != nil {
		t.Error(err)
	}
	if len(s.Left()) != before {
		t.Errorf("left %q", s.Left())
	}
	// One that is dead is no hindrance once it was swept.
	silent(t, client, 2*time.Minute+time.Second)
	if err := Busy(t.Context(), s.Config, client, "prod"); err != nil {
		t.Error(err)
	}
	var said []string
	if err := SweepWithin(t.Context(), s.Config, "prod", false, func(line string) { said = append(said, line) }); err != nil {
		t.Fatal(err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "removed what run "+first.Name+" of meshproof had left: ") || !strings.Contains(said[0], "lease meshproof in namespace prod") {
		t.Errorf("said %q", said)
	}
	second := NewWithin("prod")
	if err := second.CreateLease(t.Context(), s.Config, client, "x"); err != nil {
		t.Fatal(err)
	}
	// The first wakes up again: it neither renews the Lease of the second nor deletes it.
	if err := first.renew(t.Context(), s.Config, client); !gone(err) {
		t.Errorf("renewed: %v", err)
	}
	if err := first.DeleteRoot(t.Context(), client); err != nil || s.Get(leases+"/meshproof") == nil {
		t.Errorf("%v, %q", err, s.Left())
	}
}

// sweeps are the ways in which somebody may come across a run within a namespace.
func sweeps(s *ownershiptest.Server) map[string]func(log func(string)) error {
	ctx := context.Background()
	return map[string]func(log func(string)) error{
		"in the namespace":          func(log func(string)) error { return SweepWithin(ctx, s.Config, "prod", true, log) },
		"of the cluster":            func(log func(string)) error { return Sweep(ctx, s.Config, true, log) },
		"of the cluster at a start": func(log func(string)) error { return Sweep(ctx, s.Config, false, log) },
	}
}

func TestASweepKnowsARunWithinANamespaceByItsLease(t *testing.T) {
	for name := range sweeps(nil) {
		t.Run(name, func(t *testing.T) {
			s := ownershiptest.Start(t)
			theirs(s)
			s.Old = time.Hour // it works for long
			r, client := begunWithin(t, s)
			before := s.Left()
			var said []string
			log := func(line string) { said = append(said, line) }
			if err := sweeps(s)[name](log); err != nil || !slices.Equal(s.Left(), before) || len(said) != 1 || !strings.Contains(said[0], "run "+r.Name+" of meshproof is left alone (its Lease was renewed ") {
				t.Errorf("%v, said %q, left %q", err, said, s.Left())
			}
			silent(t, client, 3*time.Minute)
			if err := sweeps(s)[name](log); err != nil || s.Get(leases+"/meshproof") != nil || s.Get("/apis/apps/v1/namespaces/prod/deployments/"+r.Name) != nil {
				t.Errorf("%v, said %q, left %q", err, said, s.Left())
			}
		})
	}
}

// A run that works in other namespaces too may have an object here. Whether it lives cannot be seen from here.
func TestASweepOfANamespaceLeavesARunOfTheClusterAlone(t *testing.T) {
	s := ownershiptest.Start(t)
	theirs(s)
	s.Old = time.Hour
	s.Put("/api/v1/namespaces/prod/configmaps", `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "required", "labels": {"meshproof.dev/run": "r0"}}}`)
	var said []string
	err := SweepWithin(t.Context(), s.Config, "prod", true, func(line string) { said = append(said, line) })
	if err != nil || s.Get("/api/v1/namespaces/prod/configmaps/required") == nil || len(said) != 1 || !strings.Contains(said[0], "run r0 of meshproof is left alone (it works in other namespaces, too") {
		t.Errorf("%v, said %q", err, said)
	}
}

func TestWhatWasCreatedWithinANamespaceIsRemoved(t *testing.T) {
	for _, lost := range []string{"leases", "roles", "deployments"} {
		t.Run(lost, func(t *testing.T) {
			s := ownershiptest.Start(t)
			theirs(s)
			client, err := kubernetes.NewForConfig(s.Config)
			if err != nil {
				t.Fatal(err)
			}
			s.Lose = []string{lost}
			r := NewWithin("prod")
			if err = r.CreateLease(t.Context(), s.Config, client, "x"); err == nil {
				err = r.DeployReaper(t.Context(), client, "localhost/agent:1", time.Second)
			}
			if err == nil {
				t.Fatal("the answer arrived")
			}
			if err = r.Remove(t.Context(), s.Config, time.Second); err != nil {
				t.Error(err)
			}
			left := slices.DeleteFunc(s.Left(), func(path string) bool { return strings.Contains(path, "/pods/") })
			if !slices.Equal(left, theirObjects) {
				t.Errorf("left: %q", left)
			}
		})
	}
}
