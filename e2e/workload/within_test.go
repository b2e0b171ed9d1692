package workload

import (
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/ownership/ownershiptest"
)

// within looks whether a profile of these manifests, beside those of dns-a, may be deployed to the namespace prod.
func within(t *testing.T, s *ownershiptest.Server, more string) (notes []string, err error) {
	t.Helper()
	w, err := Load(fixtures, "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	if more != "" {
		now := *w.rendered.now
		now.Documents = append(now.Documents[:len(now.Documents):len(now.Documents)], parsed(t, more).Documents...)
		w.rendered.now = &now
	}
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	return w.Within(t.Context(), client, "prod")
}

func TestANamespaceOfSomebodyIsLookedAtFirst(t *testing.T) {
	const pods, services, policies = "/api/v1/namespaces/prod/pods", "/api/v1/namespaces/prod/services", "/apis/networking.k8s.io/v1/namespaces/prod/networkpolicies"
	for _, c := range []struct {
		name  string
		more  string              // manifests
		there map[string][]string // objects of others, by collection
		code  int
		says  string
		noted string
	}{
		{name: "an empty one"},
		{name: "neighbours that have nothing to do with it", there: map[string][]string{
			pods:     {`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-0", "labels": {"app": "shop"}}}`},
			services: {`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": {"selector": {"app": "shop"}}}`, `{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside"}}`},
		}, noted: "namespace prod has 1 pods of others; they are not observed"},
		{name: "a name that is taken", there: map[string][]string{services: {`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "derl"}}`}},
			code: exitcode.Unavailable, says: "service derl exists in namespace prod and is not ours; it was not changed"},
		{name: "a name that another run has", there: map[string][]string{"/api/v1/namespaces/prod/secrets": {`{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "derl", "labels": {"meshproof.dev/run": "r0"}}}`}},
			code: exitcode.Unavailable, says: "secret derl exists in namespace prod and was created by run r0 of meshproof"},
		{name: "pods of others with the same labels", there: map[string][]string{pods: {`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "live-0", "labels": {"app": "derl", "env": "live"}}}`}},
			code: exitcode.Unavailable, says: "Service derl of the manifests (selector app=derl) would select pods of namespace prod that are not of this run: live-0"},
		{name: "a policy that selects all pods", more: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed}\nspec: {podSelector: {}}\n",
			there: map[string][]string{pods: {`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shop-0"}}`}},
			code:  exitcode.Unavailable, says: "NetworkPolicy closed of the manifests (selector ) would select pods of namespace prod that are not of this run: shop-0"},
		{name: "a Service of others for the pods", there: map[string][]string{services: {`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "live"}, "spec": {"selector": {"app": "derl"}}}`}},
			code: exitcode.Unavailable, says: "service live of namespace prod (selector app=derl) is not of this run and would send its clients to the pods of Deployment derl"},
		{name: "a policy of others for the pods", there: map[string][]string{policies: {`{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "default-deny"}, "spec": {"podSelector": {}}}`}},
			noted: "NetworkPolicy default-deny of namespace prod applies to the pods of this run"},
		{name: "an object outside of namespaces", more: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: peers}\n",
			code: exitcode.Usage, says: "with namespace prod the run creates nothing outside of it, but the manifests contain ClusterRole peers, which is in no namespace"},
		{name: "an object in another namespace", more: "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: db}\n",
			code: exitcode.Usage, says: "Secret db, which belongs in namespace db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ownershiptest.Start(t)
			for collection, all := range c.there {
				for _, o := range all {
					s.Put(collection, o)
				}
			}
			notes, err := within(t, s, c.more)
			if c.code == 0 && err != nil || c.code != 0 && (exitcode.Of(err) != c.code || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%d, %v", exitcode.Of(err), err)
			}
			if all := strings.Join(notes, "\n"); !strings.HasPrefix(all, c.noted) || (c.noted == "") != (all == "") {
				t.Errorf("noted %q", all)
			}
			if asked := s.Asked(); len(asked) > 0 {
				t.Errorf("changed: %q", asked)
			}
		})
	}
}

// On a cluster of somebody what is outside of namespaces is looked for before anything is made.
func TestANameOutsideOfNamespacesThatIsTaken(t *testing.T) {
	w, err := Load(fixtures, "dns-a")
	if err != nil {
		t.Fatal(err)
	}
	now := *w.rendered.now
	now.Documents = append(now.Documents[:len(now.Documents):len(now.Documents)], parsed(t, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: peers}\n").Documents...)
	w.rendered.now = &now
	s := ownershiptest.Start(t)
	client, err := kubernetes.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err = w.Free(t.Context(), client); err != nil {
		t.Error(err)
	}
	s.Put("/apis/rbac.authorization.k8s.io/v1/clusterroles", `{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "peers", "labels": {"meshproof.dev/run": "r0"}}}`)
	if err = w.Free(t.Context(), client); exitcode.Of(err) != exitcode.Unavailable || !strings.Contains(err.Error(), "clusterrole peers exists and was created by run r0 of meshproof; it was not changed") {
		t.Error(err)
	}
}
