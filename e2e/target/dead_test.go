package target

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
)

// deadRun is a cluster of somebody, with a namespace of theirs, one that a dead run left and one of a run that lives.
func deadRun(t *testing.T) *ownershiptest.Server {
	s := ownershiptest.Start(t)
	namespace := func(name, label string) {
		s.Put("/api/v1/namespaces", fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q, "labels": {%s}}}`, name, label))
	}
	s.Old = time.Hour
	namespace("prod", "")
	namespace("meshproof-dead", `"meshproof.dev/run": "r0"`)
	namespace("meshproof-live", `"meshproof.dev/run": "r1"`)
	s.Put("/apis/coordination.k8s.io/v1/namespaces/r1/leases", fmt.Sprintf(`{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "r1"}, "spec": {"renewTime": %q}}`,
		time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))
	return s
}

var withoutTheDead = []string{"/api/v1/namespaces/meshproof-live", "/api/v1/namespaces/prod", "/apis/coordination.k8s.io/v1/namespaces/r1/leases/r1"}

func TestPreflightOfAnExistingClusterRemovesWhatDeadRunsLeft(t *testing.T) {
	s := deadRun(t)
	var said []string
	p := NewProvider(Choice{Context: "prod", Kubeconfig: s.Kubeconfig(), Log: func(line string) { said = append(said, line) }})
	looked := false
	err := p.Preflight(t.Context(), func(context.Context, kubernetes.Interface) error {
		looked = true
		if left := s.Left(); !slices.Equal(left, withoutTheDead) {
			t.Errorf("left %q", left)
		}
		return nil
	})
	all := strings.Join(said, "\n")
	if err != nil || !looked || !strings.Contains(all, "removed what run r0 of meshproof had left: namespace meshproof-dead") || !strings.Contains(all, "run r1 of meshproof is left alone") {
		t.Errorf("%v, looked: %v, said:\n%s", err, looked, all)
	}
}

func TestCleanExisting(t *testing.T) {
	s := deadRun(t)
	var said []string
	o := ExistingOptions{Context: "prod", Kubeconfig: s.Kubeconfig(), Log: func(line string) { said = append(said, line) }}
	if err := CleanExisting(t.Context(), o); err != nil || !slices.Equal(s.Left(), withoutTheDead) || len(said) != 2 {
		t.Errorf("%v, left %q, said %q", err, s.Left(), said)
	}
	said = nil
	if err := CleanExisting(t.Context(), o); err != nil || !slices.Equal(s.Left(), withoutTheDead) || len(said) != 1 {
		t.Errorf("a second time: %v, left %q, said %q", err, s.Left(), said)
	}
	o.Context = "staging"
	refused(t, CleanExisting(t.Context(), o), exitcode.Unavailable, `no context "staging"`)
}
