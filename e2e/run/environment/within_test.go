package environment

import (
	"context"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
	"meshproof.dev/meshproof/e2e/rights"
	"meshproof.dev/meshproof/e2e/workload"
)

func TestARunWithinANamespace(t *testing.T) {
	for _, refuse := range []string{"", "roles", "serviceaccounts", "deployments"} {
		t.Run("without "+refuse, func(t *testing.T) {
			s := ownershiptest.Start(t)
			s.Refuse = []string{refuse}
			s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}`)
			s.Put("/api/v1/namespaces/shop/pods", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-0"}}`)
			before := s.Left()
			e, said := on(s, false, false)
			e.options.Namespace, e.options.Context, e.Token = "shop", "prod", agent.NewToken()
			if err := e.BeginRun(t.Context(), "run-1"); err != nil {
				t.Fatal(err)
			}
			if err := e.DeployAgents(t.Context(), agentclient.Rights{}, nil); err != nil {
				t.Fatal(err)
			}
			set := s.Get("/apis/apps/v1/namespaces/shop/daemonsets/" + agentclient.Name)
			if set == nil || set.GetLabels()[ownership.Label] != e.Run.Name || len(set.GetOwnerReferences()) != 1 || set.GetOwnerReferences()[0] != e.Run.Owner() {
				t.Errorf("agents: %v", set)
			}
			for _, asked := range s.Asked() {
				if !strings.Contains(asked, "/namespaces/shop/") {
					t.Errorf("asked: %s", asked)
				}
			}
			without := strings.Join(e.Notes, "\n")
			if (refuse == "") != (without == "") || refuse != "" && (!strings.Contains(without, "this run has no reaper: ") || !strings.HasSuffix(without, "what it made in namespace shop remains, its agents among it, until the next run there, or until: meshproof cluster clean --context prod --namespace shop")) {
				t.Errorf("noted %q, said %q", without, *said)
			}
			if err := e.EndRun(); err != nil {
				t.Error(err)
			}
			left := slices.DeleteFunc(s.Left(), func(path string) bool { return strings.Contains(path, "/pods/meshproof-run-") }) // goes with its Deployment
			if !slices.Equal(left, before) {
				t.Errorf("left %q", left)
			}
		})
	}
}

// preflight looks at the namespace shop before a run of dns-a.
func preflight(t *testing.T, s *ownershiptest.Server, names ...string) (notes []string, err error) {
	t.Helper()
	ws, err := workload.Loader{Fixtures: "../../../fixtures"}.LoadAll(context.Background(), names)
	if err != nil {
		t.Fatal(err)
	}
	e := &Environment{options: &Options{Context: "prod", Namespace: "shop", Log: func(string) {}}}
	err = e.preflight(t.Context(), provider{s}, ws)
	if asked := s.Asked(); len(asked) > 0 {
		t.Errorf("changed: %q", asked)
	}
	return e.Notes, err
}

func TestPreflightWithinANamespace(t *testing.T) {
	const shop = `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}`
	s := ownershiptest.Start(t)
	if _, err := preflight(t, s, "dns-a"); exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "there is no namespace shop") {
		t.Error(err)
	}
	s.Put("/api/v1/namespaces", shop)
	if notes, err := preflight(t, s, "dns-a"); err != nil || len(notes) > 0 {
		t.Errorf("%v, %q", err, notes)
	}
	s.Refuse = []string{"nodes"}
	if notes, err := preflight(t, s, "dns-a"); err != nil || len(notes) != 1 || notes[0] != "unseen: the nodes: how many there are, and what they run, because you may not list nodes on this cluster" {
		t.Errorf("%v, %q", err, notes)
	}
	s.Refuse = nil
	if _, err := preflight(t, s, "dns-a", "dns-srv"); exitcode.Of(err) != exitcode.Usage || !strings.Contains(err.Error(), "one profile at a time") {
		t.Error(err)
	}
}

// Each verb is taken away once: either there is no run, and the error names it, or a note names it with what is lost.
func TestPreflightNamesEachRightThatIsMissing(t *testing.T) {
	s := ownershiptest.Start(t)
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}`)
	w, err := workload.Load("../../../fixtures", "kube-api")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rights.Needed((&Options{Namespace: "shop"}).Rights([]*workload.Workload{w})) {
		for _, v := range r.Verbs {
			s.Refuse = []string{v + " " + r.Resource}
			notes, err := preflight(t, s, "kube-api")
			said := strings.Join(notes, "\n")
			if err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, v+" "+r.Resource) || (err != nil) != (exitcode.Of(err) == exitcode.Unavailable) || r.Lost == "" && err == nil {
				t.Errorf("%s %s: %v, noted %q", v, r.Resource, err, notes)
			}
		}
	}
}

// A run on the whole cluster is told, too.
func TestPreflightNamesTheRightsOfTheCluster(t *testing.T) {
	s := ownershiptest.Start(t)
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	s.Refuse = []string{"create namespaces", "list nodes"}
	e := &Environment{options: &Options{Context: "prod", Log: func(string) {}}}
	err = e.allowed(t.Context(), client, nil)
	if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "you may not create namespaces on this cluster, and without this there is no run; nothing was created. The command meshproof run --print-rbac prints all rights") {
		t.Error(err)
	}
	s.Refuse = s.Refuse[1:]
	err = e.allowed(t.Context(), client, nil)
	if noted := e.Notes; err != nil || len(noted) != 1 || noted[0] != "unseen: the nodes: how many there are, and what they run, because you may not list nodes on this cluster" {
		t.Errorf("%v, %q", err, noted)
	}
}
