package environment

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/agent"
	agentclient "meshproof.dev/meshproof/e2e/agent/client"
	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/ownership"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/e2e/workload"
)

// on is an environment on the server's cluster, and what it says.
func on(s *ownershiptest.Server, owned, keep bool) (e *Environment, said *[]string) {
	said = &[]string{}
	o := &Options{Log: func(line string) { *said = append(*said, line) }}
	e = &Environment{options: o, Cluster: &target.Cluster{Owned: owned, Config: s.Config, Context: "prod"}, Agent: image.Image{Ref: "localhost/agent:1"}}
	e.Cluster.Keep(keep)
	return e, said
}

func TestAgentsOfARun(t *testing.T) {
	for _, c := range []struct {
		name        string
		owned, keep bool
		refuse      string
		removed     bool
	}{
		{"somebody else's cluster", false, false, "", true},
		{"somebody else's cluster, no daemon set", false, false, "daemonsets", true},
		{"somebody else's cluster, no namespace", false, false, "namespaces", true},
		{"somebody else's cluster, no Lease", false, false, "leases", true},
		{"a kept one of ours", true, true, "", true},
		{"one of ours that goes anyway", true, false, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ownershiptest.Start(t)
			s.Refuse = []string{c.refuse}
			e, said := on(s, c.owned, c.keep)
			e.Token = agent.NewToken()
			err := e.BeginRun(t.Context(), "run-1")
			if err == nil {
				err = e.DeployAgents(t.Context(), agentclient.Rights{}, nil)
			}
			// Without agents the run goes on, and says why there are none.
			without := c.refuse == "daemonsets"
			if (err == nil) != (c.refuse == "" || without) || (e.NoAgents != "") != without {
				t.Fatal(err, e.NoAgents)
			}
			switch {
			case without && (len(e.Notes) != 1 || !strings.HasSuffix(e.Notes[0], ": "+e.NoAgents)):
				t.Errorf("notes %q", e.Notes)
			case err == nil && !without:
				made(t, s, e, !c.owned)
			}
			if err = e.EndRun(); err != nil {
				t.Error(err)
			}
			left := s.Left()
			if (len(left) == 0) != c.removed || strings.Contains(strings.Join(*said, "\n"), "no reaper") {
				t.Errorf("left %v, said %v", left, *said)
			}
		})
	}
	// A run that made nothing removes nothing.
	if err := (&Environment{options: &Options{Log: func(s string) { t.Error(s) }}}).EndRun(); err != nil {
		t.Error(err)
	}
}

// made checks what a run made; a reaper and a Lease only where reaped is set.
func made(t *testing.T, s *ownershiptest.Server, e *Environment, reaped bool) {
	t.Helper()
	ns := s.Get("/api/v1/namespaces/" + e.Agents)
	if ns == nil || ns.GetLabels()[ownership.Label] != e.Run.Name || ns.GetLabels()["pod-security.kubernetes.io/enforce"] != "privileged" || !strings.HasPrefix(e.Agents, "meshproof-run-") {
		t.Fatalf("namespace %v", ns)
	}
	set := s.Get("/apis/apps/v1/namespaces/" + e.Agents + "/daemonsets/" + agentclient.Name)
	containers, _, _ := unstructured.NestedSlice(set.Object, "spec", "template", "spec", "containers")
	if agent, is := containers[0].(map[string]any); !is || agent["image"] != "localhost/agent:1" {
		t.Errorf("daemon set %v", set)
	}
	lease := s.Get("/apis/coordination.k8s.io/v1/namespaces/" + e.Run.Name + "/leases/" + e.Run.Name)
	reaper := s.Get("/apis/apps/v1/namespaces/" + e.Run.Name + "/deployments/meshproof-reaper")
	if (lease != nil) != reaped || (reaper != nil) != reaped {
		t.Errorf("Lease %v, reaper %v", lease, reaper)
	}
	asked := s.Asked()
	if !strings.HasSuffix(asked[0], "/clusterroles") || !strings.HasSuffix(asked[1], "/namespaces") {
		t.Errorf("the root does not come first, or the namespace does not come second: %q", asked)
	}
	if agents := slices.Index(asked, "POST /apis/apps/v1/namespaces/"+e.Agents+"/daemonsets"); reaped && slices.Index(asked, "POST /apis/apps/v1/namespaces/"+e.Agents+"/deployments") > agents {
		t.Errorf("agents before there is a reaper: %q", asked)
	}
}

func TestARunWithoutAReaperSaysWhatRemains(t *testing.T) {
	for _, refuse := range []string{"clusterroles", "clusterrolebindings", "deployments"} {
		t.Run(refuse, func(t *testing.T) {
			s := ownershiptest.Start(t)
			s.Refuse = []string{refuse}
			e, said := on(s, false, false)
			if err := e.BeginRun(t.Context(), "run-1"); err != nil {
				t.Fatal(err)
			}
			all := strings.Join(*said, "\n")
			for _, want := range []string{"this run has no reaper: ", "its namespaces remain, its agents in a DaemonSet, and its objects outside of namespaces", "meshproof cluster clean --context prod"} {
				if !strings.Contains(all, want) {
					t.Errorf("not said: %s; said:\n%s", want, all)
				}
			}
			if err := e.EndRun(); err != nil || len(s.Left()) > 0 {
				t.Errorf("%v, left %v", err, s.Left())
			}
		})
	}
}

func TestPreflightSaysFirstThatThereWillBeNoReaper(t *testing.T) {
	s := ownershiptest.Start(t)
	s.Refuse = []string{"clusterroles"}
	var said []string
	e := &Environment{options: &Options{Context: "prod", Log: func(line string) { said = append(said, line) }}}
	if err := e.preflight(t.Context(), provider{s}, nil); err != nil {
		t.Fatal(err)
	}
	if len(said) != 2 || !slices.Equal(said, e.Notes) || said[1] != "unseen: other runs on this cluster, and what dead ones have left, because you may not list clusterroles on this cluster" || !strings.HasPrefix(said[0], "this run will have no reaper, because you may not create clusterroles, get clusterroles, delete clusterroles. If it is killed, its namespaces remain") {
		t.Errorf("said %q", said)
	}
	if len(s.Asked()) > 0 {
		t.Errorf("changed %v", s.Asked())
	}
}

// A run that is not allowed to say that it lives would be removed by the next one.
func TestARunWithoutALeaseDoesNotBegin(t *testing.T) {
	s := ownershiptest.Start(t)
	s.Refuse = []string{"leases"}
	e, _ := on(s, false, false)
	err := e.BeginRun(t.Context(), "run-1")
	if exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "without a Lease another run would take this one for dead") {
		t.Error(err)
	}
}

// Nothing that has the namespace's name, but is not of this run, is deleted, and nothing in it is stopped.
func TestANamespaceOfSomebodyIsNotRemoved(t *testing.T) {
	s := ownershiptest.Start(t)
	e, _ := on(s, false, false)
	if err := e.BeginRun(t.Context(), "run-1"); err != nil {
		t.Fatal(err)
	}
	s.Put("/api/v1/namespaces", `{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod", "labels": {"meshproof.dev/run": "another"}}}`)
	s.Put("/api/v1/namespaces/prod/pods", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-1"}}`)
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.Asked())
	if err = e.RemoveNamespace(client, "prod"); err != nil {
		t.Error(err)
	}
	if err = workload.Stop(t.Context(), client, "prod", e.Run); err != nil {
		t.Error(err)
	}
	if asked := s.Asked()[before:]; len(asked) > 0 {
		t.Errorf("asked %q", asked)
	}
	// One whose creation was not answered is.
	s.Lose = []string{"namespaces"}
	if err = e.Run.CreateNamespace(t.Context(), client, "meshproof-shop-1", false); err == nil {
		t.Fatal("the answer arrived")
	}
	if err = e.RemoveNamespace(client, "meshproof-shop-1"); err != nil || s.Get("/api/v1/namespaces/meshproof-shop-1") != nil {
		t.Errorf("it is still there, %v", err)
	}
	if err = e.EndRun(); err != nil || !slices.Equal(s.Left(), []string{"/api/v1/namespaces/prod", "/api/v1/namespaces/prod/pods/shop-1"}) {
		t.Errorf("%v, left %q", err, s.Left())
	}
}

// What cannot be removed is an error by name, with its reason.
func TestARunNamesWhatItCouldNotRemove(t *testing.T) {
	s := ownershiptest.Start(t)
	e, _ := on(s, false, false)
	if err := e.BeginRun(t.Context(), "run-1"); err != nil {
		t.Fatal(err)
	}
	s.Stuck = []string{e.Run.Name}
	err := e.endRun(100 * time.Millisecond)
	var left *ownership.StillThere
	if !errors.As(err, &left) || left.Object() != "namespace "+e.Run.Name || !strings.HasPrefix(left.Why, "Some content has finalizers remaining") {
		t.Errorf("%v", err)
	}
}

// provider is the cluster of the server, which exists.
type provider struct{ s *ownershiptest.Server }

func (provider) Describe() (name, kubeContext string)          { return "existing", "prod" }
func (provider) CanLoad(context.Context, *engine.Engine) error { return nil }
func (provider) MakesNodes() bool                              { return false }
func (provider) PodLimit() int                                 { return 1 }

func (p provider) Preflight(ctx context.Context, look func(context.Context, kubernetes.Interface) error) error {
	client, err := kubernetes.NewForConfig(p.s.Config)
	if err != nil {
		return err
	}
	return look(ctx, client)
}

func (provider) Cluster(context.Context, target.Setup) (*target.Cluster, error) { return nil, nil }

// pinned is the folder of a profile whose pods run on some nodes only, in spite of a taint.
func pinned(t *testing.T) string {
	t.Helper()
	from, to := "../../../fixtures/profiles/dns-a", t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(to, "deployment.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const spec = "    spec:\n"
	more := spec + "      nodeSelector: {pool: beam}\n      tolerations: [{key: beam, operator: Exists}]\n"
	if err = os.WriteFile(file, []byte(strings.Replace(string(text), spec, more, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// The agents get the hash of the run's token and never the token; they run where the pods under test may run.
func TestAgentsOfAWorkload(t *testing.T) {
	w, err := workload.Load("", pinned(t))
	if err != nil {
		t.Fatal(err)
	}
	s := ownershiptest.Start(t)
	e, _ := on(s, false, false)
	e.Token = agent.NewToken()
	if err = e.BeginRun(t.Context(), "run-1"); err != nil {
		t.Fatal(err)
	}
	if err = e.DeployAgents(t.Context(), agentclient.Rights{}, []*workload.Workload{w}); err != nil {
		t.Fatal(err)
	}
	sent := ""
	for _, path := range s.Left() {
		text, failed := json.Marshal(s.Get(path).Object)
		if failed != nil {
			t.Fatal(failed)
		}
		sent += string(text)
	}
	if !strings.Contains(sent, e.Token.Hash()) || strings.Contains(sent, string(e.Token.Reveal())) {
		t.Errorf("the cluster was sent %s", sent)
	}
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	set, err := client.AppsV1().DaemonSets(e.Agents).Get(t.Context(), agentclient.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := set.Spec.Template.Spec
	terms := pod.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	if len(terms) != 1 || terms[0].MatchExpressions[0].Key != "pool" || len(pod.Tolerations) != 1 || pod.Tolerations[0].Key != "beam" {
		t.Errorf("terms %+v, tolerations %+v", terms, pod.Tolerations)
	}
}
