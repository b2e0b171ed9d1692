package draft

import (
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/workload"
)

func service(name, app, more string) string {
	return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + app + "}" + more + "}\n"
}

const headless = ", clusterIP: None"

// What means to be one cluster is judged as one, and nothing else is.
func TestClusters(t *testing.T) {
	worker := "---\n" + renamed(shop, "worker")
	broker := strings.Replace(worker, "image: shop", "image: broker", 1)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"two applications":              {shop + broker, []string{"shop", "worker"}},
		"one release":                   {shop + strings.Replace(worker, "image: shop", "image: shop:2", 1), []string{"shop worker"}},
		"one release by digest":         {shop + strings.Replace(worker, "image: shop", "image: shop@sha256:0f", 1), []string{"shop worker"}},
		"a Service of one of them":      {shop + worker + service("a", "shop", headless), []string{"shop worker"}},
		"a headless Service each":       {shop + worker + service("a", "shop", headless) + service("b", "worker", headless), []string{"shop", "worker"}},
		"a Service for users each":      {shop + worker + service("a", "shop", "") + service("b", "worker", ""), []string{"shop worker"}},
		"one Service for both":          {shop + strings.Replace(broker, "{app: worker}", "{app: shop, role: worker}", 1) + service("a", "shop", headless), []string{"shop worker"}},
		"a Service that selects nobody": {shop + broker + service("a", "typo", headless), []string{"shop", "worker"}},
		"two namespaces":                {strings.Replace(shop, "{name: shop}", "{name: shop, namespace: a}", 1) + strings.Replace(worker, "{name: worker}", "{name: worker, namespace: b}", 1), []string{"shop", "worker"}},
		"the same sidecar":              {strings.ReplaceAll(shop+broker, "containers: [", "containers: [{name: proxy, image: proxy}, "), []string{"shop", "worker"}},
		"a third that one of two knows": {shop + worker + "---\n" + strings.Replace(strings.Replace(renamed(shop, "third"), "{app: third}", "{app: shop, role: x}", 1), "image: shop", "image: third", 1) +
			service("a", "shop", ""), []string{"shop worker third"}},
		"a third that joins two": {shop + strings.Replace(broker, "{app: worker}", "{app: worker, with: third}", 1) + "---\n" +
			strings.Replace(strings.Replace(renamed(shop, "third"), "{app: third}", "{app: shop, with: third}", 1), "image: shop", "image: third", 1) +
			service("a", "shop", "") + strings.Replace(service("b", "x", ""), "{app: x}", "{with: third}", 1), []string{"shop worker third"}},
	} {
		ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, w := range ws {
			var names []string
			for _, x := range w.Resolved.Workloads {
				names = append(names, x.Name)
			}
			got = append(got, strings.Join(names, " "))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: the clusters are %q, wanted %q", name, got, c.want)
		}
		if len(ws) > 1 && (!strings.Contains(notes(t, ws[0]), "StatefulSet worker is judged as a separate cluster") || ws[1].Profile.Metadata.Name != "worker") {
			t.Errorf("%s: the notes are %s", name, notes(t, ws[0]))
		}
	}
}

// Web and worker are two Deployments of one cluster, by profile and without.
func TestWebAndWorkerAreOneCluster(t *testing.T) {
	_, w, _, err := workload.LoadMutant("../../../fixtures", "healthy-web-and-worker")
	if err != nil {
		t.Fatal(err)
	}
	ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(rendered(t, w)))
	if err != nil || len(ws) != 1 || len(ws[0].Resolved.Workloads) != 2 || ws[0].Resolved.Service != "derl" {
		t.Errorf("%v, %d clusters", err, len(ws))
	}
}

// Where each has a headless Service for its users, too, discovery asks for the one that all are in.
func TestDiscoveryAsksForTheServiceOfAll(t *testing.T) {
	worker := strings.Replace(renamed(shop, "worker"), "{app: worker}", "{app: worker, cluster: one}", 1)
	ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(strings.Replace(shop, "{app: shop}", "{app: shop, cluster: one}", 1)+"---\n"+worker+
		service("for-users", "shop", headless)+service("workers", "worker", headless)+strings.Replace(service("all", "x", headless), "app: x", "cluster: one", 1)))
	if err != nil || len(ws) != 1 {
		t.Fatalf("%v, %d clusters", err, len(ws))
	}
	if got := ws[0].Resolved.Service; got != "all" {
		t.Errorf("it asks for %s", got)
	}
}

// A role is judged with those whose account it is given to, and with everybody where that is nobody who is there.
func TestRolesGoWithTheirAccounts(t *testing.T) {
	withAccount := func(manifest, name string) string {
		return strings.Replace(manifest, "spec: {containers", "spec: {serviceAccountName: "+name+", containers", 1)
	}
	role := func(name, account string) string {
		return "---\nkind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: " + name + "}\n" +
			"---\nkind: RoleBinding\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: " + name + "-bound}\nroleRef: {kind: Role, name: " + name + "}\nsubjects: [{kind: ServiceAccount, name: " + account + "}]\n"
	}
	broker := "---\n" + strings.Replace(renamed(shop, "worker"), "image: shop", "image: broker", 1)
	ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(withAccount(shop, "mine")+withAccount(broker, "theirs")+
		role("role-a", "mine")+role("role-b", "theirs")+role("role-c", "misspelt")+role("role-d", "default")))
	if err != nil || len(ws) != 2 {
		t.Fatalf("%v, %d clusters", err, len(ws))
	}
	for i, want := range [][]string{{"role-a", "role-c", "role-d"}, {"role-b", "role-c", "role-d"}} {
		y := rendered(t, ws[i])
		for _, r := range []string{"role-a", "role-b", "role-c", "role-d"} {
			if is := strings.Contains(y, "name: "+r+"\n") && strings.Contains(y, r+"-bound"); is != slices.Contains(want, r) {
				t.Errorf("cluster %d has %s: %t", i, r, is)
			}
		}
	}
}
