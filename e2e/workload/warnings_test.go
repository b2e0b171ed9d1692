package workload

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/ownership"
)

// What the API server warns of is kept, each sentence once, whatever the request comes to.
func TestWarningsOfTheAPIServerAreKept(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("Warning", `299 - "would violate PodSecurity \"baseline:latest\": privileged"`)
		w.Header().Add("Warning", `199 - "of somebody between"`)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer s.Close()
	a, err := NewApplier(&rest.Config{Host: s.URL}, "ns", &ownership.Run{Name: "r1"}, true)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifest.Parse("a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Apply(t.Context(), objects, time.Second); err == nil {
			t.Error("a request that is forbidden succeeds")
		}
	}
	if got, want := a.Warnings(), []string{`the API server warns: would violate PodSecurity "baseline:latest": privileged`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := a.Warnings(); len(got) > 0 {
		t.Errorf("said twice: %q", got)
	}
}
