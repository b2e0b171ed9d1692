package elsewhere

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/registry/registrytest"
)

// otherDomain makes the cluster's DNS serve another domain than cluster.local.
const otherDomain = "kind: ClusterConfiguration\nnetworking: {dnsDomain: k8s.corp.internal}\n"

// A cluster may have another domain. Manifests that name none are green there; those that name cluster.local are red, and it is said why.
func TestOtherClusterDomain(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root, "domain", otherDomain)
	r := registrytest.Start(t, registrytest.Options{Address: c.gateway(t)})
	c.trust(t, r, nil)
	to := append([]string{"run", "--push", r.Host + "/m"}, c.on()...)
	p.run(t, nil, 0, append(to, "-f", "dns-a")...)
	output := p.run(t, nil, 1, append(to, "-f", p.changed(t, "dns-a", "derl.$(NAMESPACE).svc", "derl.$(NAMESPACE).svc.cluster.local"))...)
	says(t, output, "dns/cluster-domain", "the cluster's domain is k8s.corp.internal, not cluster.local", ".svc.k8s.corp.internal")
	c.nothingLeft(t)
}

// changed is a copy of a profile of ours with one text replaced by another.
func (p program) changed(t *testing.T, profile, old, replacement string) string {
	t.Helper()
	dir, from := t.TempDir(), filepath.Join(p.root, "fixtures", "profiles", profile)
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(b), old)
		text := strings.NewReplacer(old, replacement, "../../../erlang-app", filepath.Join(p.root, "erlang-app")).Replace(string(b))
		if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !found {
		t.Fatalf("the profile %s has no %q", profile, old)
	}
	return dir
}
