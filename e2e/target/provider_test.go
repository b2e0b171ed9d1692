package target

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
	"meshproof.dev/meshproof/e2e/target/state"
)

func TestTheOptionsChooseTheProvider(t *testing.T) {
	for _, c := range []struct {
		choice   Choice
		name, of string
		makes    bool
		limited  int
	}{
		{Choice{}, "kind", "", true, 0},
		{Choice{Context: "prod"}, "existing", "prod", false, ExternalPodLimit},
	} {
		p := NewProvider(c.choice)
		if name, of := p.Describe(); name != c.name || of != c.of || p.MakesNodes() != c.makes || p.PodLimit() != c.limited {
			t.Errorf("%+v: %s %q, makes nodes: %v, %d pods", c.choice, name, of, p.MakesNodes(), p.PodLimit())
		}
	}
}

// neverLooks fails where a cluster is looked at that does not exist yet.
func neverLooks(t *testing.T) func(context.Context, kubernetes.Interface) error {
	return func(context.Context, kubernetes.Interface) error {
		t.Error("there is no cluster to look at")
		return nil
	}
}

func TestPreflightOfAClusterOfOurs(t *testing.T) {
	fake, o := fakepodman.Install(t), options(t)
	note(t, o, "meshproof-dead", nil)
	fake.Container(t, "meshproof-dead-control-plane", "meshproof-dead")
	var said []string
	p := NewProvider(Choice{StateDir: o.StateDir, Log: func(s string) { said = append(said, s) }})
	if err := p.Preflight(t.Context(), neverLooks(t)); err != nil {
		t.Fatal(err)
	}
	if left := fake.Left(); len(left) != 0 || len(said) != 1 {
		t.Errorf("what a dead run left stands: %v; said %q", left, said)
	}
	// Another run that goes on now neither stops this one nor loses its cluster.
	note(t, o, "meshproof-busy", nil)
	fake.Container(t, "meshproof-busy-control-plane", "meshproof-busy")
	lock, err := state.Dir(o.StateDir).Run("meshproof-busy")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	if err = p.Preflight(t.Context(), neverLooks(t)); err != nil || len(fake.Left()) != 1 {
		t.Errorf("beside another run: %v; left %v", err, fake.Left())
	}
}

func TestPreflightGoesOnWhereTheRestOfADeadRunStays(t *testing.T) {
	fakepodman.Install(t)
	o := options(t)
	note(t, o, "meshproof-dead", func(c *state.Cluster) { c.Engine = "an-engine-that-is-gone" })
	var said []string
	p := NewProvider(Choice{StateDir: o.StateDir, Log: func(s string) { said = append(said, s) }})
	if err := p.Preflight(t.Context(), neverLooks(t)); err != nil {
		t.Fatal(err)
	}
	if len(said) != 2 || !strings.Contains(said[1], "is still there") || !strings.Contains(said[1], "meshproof-dead") {
		t.Errorf("said %q", said)
	}
	if _, ok, err := state.Dir(o.StateDir).Read("meshproof-dead"); !ok || err != nil {
		t.Errorf("the note is gone, and with it the way to remove the cluster: %v", err)
	}
}

// apiServer is a cluster of one node, and a kubeconfig with its context "prod".
func apiServer(t *testing.T) (kubeconfig string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/version":
			fmt.Fprint(w, `{"major": "1", "minor": "37", "gitVersion": "v1.37.9"}`)
		case "/api/v1/nodes":
			fmt.Fprint(w, `{"kind": "NodeList", "apiVersion": "v1", "items": [{"metadata": {"name": "node-1"}}]}`)
		case "/api/v1/namespaces/taken":
			fmt.Fprint(w, `{"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "taken"}}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "` + s.URL + `"}}], contexts: [{name: prod, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPreflightOfAnExistingClusterLooksIntoIt(t *testing.T) {
	path := apiServer(t)
	taken := errors.New("it is taken")
	look := func(ctx context.Context, client kubernetes.Interface) error {
		if ns, err := client.CoreV1().Namespaces().Get(ctx, "taken", metav1.GetOptions{}); err != nil || ns.Name != "taken" {
			t.Errorf("the client is not the cluster's: %v", err)
		}
		return taken
	}
	if err := NewProvider(Choice{Context: "prod", Kubeconfig: path}).Preflight(t.Context(), look); !errors.Is(err, taken) {
		t.Errorf("what was seen is not said: %v", err)
	}
	err := NewProvider(Choice{Context: "staging", Kubeconfig: path}).Preflight(t.Context(), neverLooks(t))
	refused(t, err, exitcode.Unavailable, `no context "staging"`, "it has prod")
}

func TestAnExistingClusterIsUsedAsItIs(t *testing.T) {
	var said []string
	p := NewProvider(Choice{Context: "prod", Kubeconfig: apiServer(t), Log: func(s string) { said = append(said, s) }})
	c, err := p.Cluster(t.Context(), Setup{Nodes: 3, Keep: true})
	if err != nil || c.Owned || c.Temporary() || len(c.Nodes) != 1 || strings.Join(said, "\n") != "context prod, Kubernetes v1.37.9" {
		t.Errorf("%+v, %v; said %q", c, err, said)
	}
	// What cannot be brought to its nodes has to be where they can pull it.
	_, err = p.Cluster(t.Context(), Setup{Images: []Image{{Ref: "localhost/agent:1"}}})
	refused(t, err, exitcode.Unavailable, "localhost/agent:1", "from a registry only: it is not a kind cluster. Name one with --push HOST/PATH")
}

func TestOnlyAClusterOfOursThatIsNotKeptIsTemporary(t *testing.T) {
	for _, c := range []struct{ owned, keep, want bool }{{true, false, true}, {true, true, false}, {false, false, false}, {false, true, false}} {
		x := &Cluster{Owned: c.owned}
		x.Keep(c.keep)
		if x.Temporary() != c.want {
			t.Errorf("owned %v, kept %v: temporary %v", c.owned, c.keep, x.Temporary())
		}
	}
}
