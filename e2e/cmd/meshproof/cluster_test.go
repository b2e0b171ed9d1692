package main

import (
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
)

func TestClusterCleanOfAContext(t *testing.T) {
	s := ownershiptest.Start(t)
	s.Old = time.Hour
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}}`)
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshproof-dead", "labels": {"meshproof.dev/run": "r0"}}}`)
	path := s.Kubeconfig()
	_, code, err := meshproof(t, "cluster", "clean", "--context", "prod", "--kubeconfig", path)
	if left := s.Left(); err != nil || code != exitcode.OK || len(left) != 1 || !strings.HasSuffix(left[0], "/prod") {
		t.Errorf("%d, %v, left %q", code, err, left)
	}
	_, _, err = meshproof(t, "cluster", "clean", "--context", "staging", "--kubeconfig", path)
	if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), `no context "staging"`) {
		t.Errorf("%v", err)
	}
	_, _, err = meshproof(t, "cluster", "clean", "--kubeconfig", path)
	if exitcode.Of(err) != exitcode.Usage {
		t.Errorf("a kubeconfig without a context: %v", err)
	}
}
