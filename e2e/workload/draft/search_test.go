package draft

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/workload"
)

// beside is what lies in a repository beside the manifests.
var beside = map[string]string{
	".github/workflows/ci.yml": "on: push\njobs: {}\n", "docker-compose.yml": "services: {web: {image: shop}}\n", "package.json": `{"name": "shop"}`,
	"assets/node_modules/x/deploy.yaml": postgres, "vendor/y.yaml": postgres, "deps/z/k8s.yaml": postgres, ".helm/a.yaml": postgres,
	"config/values.yaml": "replicas: 3\n", "list.yaml": "- a\n- b\n", "skaffold.yaml": "apiVersion: skaffold/v2\nkind: Config\nmetadata: {name: x}\n", "patches/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 7}\n", "words.yml": "hello\n",
}

// At the root of a repository the manifests below it are found, and what else is there disturbs nothing.
func TestARepository(t *testing.T) {
	files := map[string]string{"k8s/app.yaml": shopApp + "---\n" + shopService, "k8s/secrets/s.yaml": shopSecret, "test/broken.yaml": "apiVersion: v1\nkind: [\n",
		"charts/db/Chart.yaml": "name: db\n", "charts/db/values.yaml": "a: b\n", "charts/db/templates/d.yaml": "kind: {{ .Kind }}\napiVersion: v1\n"}
	for name, text := range beside {
		files[name] = text
	}
	dir := tree(t, files)
	t.Chdir(dir)
	ws, err := Plain(t.Context(), workload.Loader{}, ".", nil)
	if err != nil || len(ws) != 1 {
		t.Fatalf("%v, %d clusters", err, len(ws))
	}
	for _, want := range []string{
		"left, because it is no Kubernetes object, or no kustomization names it: config/values.yaml, docker-compose.yml, list.yaml, package.json, and 3 more",
		"not searched: .github, .helm, assets/node_modules, deps, and 1 more",
		"not read: test/broken.yaml:",
		"not rendered: the chart in charts/db (helm template was not run). To judge it: helm template db ./charts/db | meshproof lint -",
	} {
		if !strings.Contains(notes(t, ws[0]), want) {
			t.Errorf("%q is not in\n%s", want, notes(t, ws[0]))
		}
	}
	if want := "k8s/app.yaml, k8s/secrets/s.yaml"; ws[0].Read != want {
		t.Errorf("read are %s, wanted %s", ws[0].Read, want)
	}
	text, err := Profile(t.Context(), workload.Loader{}, ".", "profile.yaml")
	if err != nil || !strings.Contains(text, "manifests: [k8s/app.yaml, k8s/secrets/s.yaml]\n") || !strings.Contains(text, "# not rendered: the chart in charts/db") {
		t.Errorf("%v\n%s", err, text)
	}
	if err = os.WriteFile("profile.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if w, err := workload.Load("", "profile.yaml"); err != nil || w.Resolved.Replicas() != 2 {
		t.Errorf("it is not taken: %v", err)
	}
}

// What is broken in the named folder itself is not left: it is meant.
func TestABrokenManifestInTheNamedFolder(t *testing.T) {
	dir := tree(t, map[string]string{"app.yaml": shopApp, "b.yaml": "apiVersion: v1\nkind: [\n"})
	if _, err := Plain(t.Context(), workload.Loader{}, dir, nil); err == nil || !strings.Contains(err.Error(), "b.yaml:2: not YAML") || exitcode.Of(err) != exitcode.Usage {
		t.Errorf("%v", err)
	}
}

// One application in several versions is judged in each, by itself.
func TestVersionsOfOneApplication(t *testing.T) {
	base := map[string]string{"base/app.yaml": shopApp, "base/service.yaml": shopService + "---\n" + shopSecret, "base/kustomization.yaml": "resources: [app.yaml, service.yaml]\n", "base/notes.yaml": shopApp}
	overlay := "resources: [../../base]\npatches: [{path: p.yaml}]\n"
	patch := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec: {replicas: 5}\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string // of each: its name, its replicas, whether it has the Secret
	}{
		"overlays": {map[string]string{"over/a/kustomization.yaml": overlay, "over/a/p.yaml": patch, "over/b/kustomization.yaml": "resources: [../../base]\n"},
			[]string{"shop of over/a 5 true", "shop of over/b 2 true"}},
		"a base alone": {nil, []string{"shop 2 true"}},
		"a folder each": {map[string]string{"base": "", "a/app.yaml": shopApp, "a/inner/service.yaml": shopService, "b/app.yaml": strings.Replace(shopApp, "replicas: 2", "replicas: 4", 1), "secret.yaml": shopSecret},
			[]string{"shop of a/app.yaml 2 true", "shop of b/app.yaml 4 true"}},
		"a file each": {map[string]string{"base": "", "dev.yaml": shopApp + "---\n" + shopService, "prod.yaml": strings.Replace(shopApp, "replicas: 2", "replicas: 4", 1) + "---\n" + shopService, "secret.yaml": shopSecret},
			[]string{"shop of dev.yaml 2 true", "shop of prod.yaml 4 true"}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for f, text := range base {
				if _, without := c.files["base"]; !without {
					files[f] = text
				}
			}
			for f, text := range c.files {
				if f != "base" {
					files[f] = text
				}
			}
			t.Chdir(tree(t, files))
			ws, err := Plain(t.Context(), workload.Loader{}, ".", nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range ws {
				secret := "false"
				if strings.Contains(rendered(t, w), "kind: Secret") {
					secret = "true"
				}
				got = append(got, strings.Join([]string{w.Profile.Metadata.Name, string(rune('0' + w.Resolved.Replicas())), secret}, " "))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, wanted %q", got, c.want)
			}
			_, err = Profile(t.Context(), workload.Loader{}, ".", "profile.yaml")
			if several := err != nil && strings.Contains(err.Error(), "name one of "); several != (len(c.want) > 1) {
				t.Errorf("init: %v", err)
			}
		})
	}
}

// What speaks of Erlang is judged, and what else runs in the repository is named.
func TestOtherSetsAreNamed(t *testing.T) {
	t.Chdir(tree(t, map[string]string{"a/app.yaml": shopApp, "b/kustomization.yaml": "resources: [db.yaml]\n", "b/db.yaml": postgres}))
	ws, err := Plain(t.Context(), workload.Loader{}, ".", nil)
	if err != nil || len(ws) != 1 || !strings.Contains(notes(t, ws[0]), "not judged: b, because nothing there mentions Erlang (Deployment db)") {
		t.Errorf("%v, %d clusters", err, len(ws))
	}
}

// One that cannot be judged does not end the search, and is not called green.
func TestASetThatCannotBeJudged(t *testing.T) {
	wrong := strings.Replace(shopApp, "replicas: 2", "replicas: two", 1)
	t.Chdir(tree(t, map[string]string{"a/app.yaml": shopApp, "b/app.yaml": wrong}))
	ws, err := Plain(t.Context(), workload.Loader{}, ".", nil)
	if err != nil || len(ws) != 1 || len(ws[0].Unjudged) != 1 || !strings.HasPrefix(ws[0].Unjudged[0], "b/app.yaml:5: Deployment shop: spec.replicas") {
		t.Errorf("%v, %+v", err, ws[0].Unjudged)
	}
	if _, err = Plain(t.Context(), workload.Loader{}, "b", nil); err == nil || exitcode.Of(err) != exitcode.Usage {
		t.Errorf("alone: %v", err)
	}
}

// Where there is nothing to judge, the chart that was not rendered is named.
func TestOnlyAChart(t *testing.T) {
	t.Chdir(tree(t, map[string]string{"c.yaml": "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: x}\n", "charts/shop/Chart.yaml": "name: shop\n"}))
	code := map[string]int{"lint": exitcode.Unknown, "init": exitcode.Usage}
	for name, err := range map[string]error{"lint": second(Plain(t.Context(), workload.Loader{}, ".", nil)), "init": second(Profile(t.Context(), workload.Loader{}, ".", "profile.yaml"))} {
		if err == nil || !strings.Contains(err.Error(), "they contain Issuer x\nnot rendered: the chart in charts/shop (helm template was not run). To judge it: helm template shop ./charts/shop | meshproof lint -") || exitcode.Of(err) != code[name] {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What a repository has for the cluster's own namespaces is not the application's.
func TestKubeSystem(t *testing.T) {
	t.Chdir(tree(t, map[string]string{"a.yaml": shopApp + "---\n" + shopService, "dns.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: coredns, namespace: kube-system}\ndata: {x: shop.default.svc}\n"}))
	if ws, err := Plain(t.Context(), workload.Loader{}, ".", nil); err != nil || len(ws) != 1 || strings.Contains(rendered(t, ws[0]), "coredns") {
		t.Errorf("%v", err)
	}
}

// A link does not lead out of the folder.
func TestASearchStaysInside(t *testing.T) {
	outside := tree(t, map[string]string{"app.yaml": shopApp, "more/app.yaml": shopApp})
	dir := tree(t, map[string]string{"a/secret.yaml": shopSecret})
	for name, to := range map[string]string{"a/app.yaml": filepath.Join(outside, "app.yaml"), "b": filepath.Join(outside, "more")} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Plain(t.Context(), workload.Loader{}, dir, nil); err == nil || !strings.Contains(err.Error(), "they contain Secret shop") {
		t.Errorf("%v", err)
	}
}

// What kubectl prints of a namespace is judged as what was applied to it.
func TestWhatKubectlPrints(t *testing.T) {
	owner := func(kind, name string) string {
		return "metadata:\n    ownerReferences: [{apiVersion: apps/v1, kind: " + kind + ", name: " + name + ", controller: true}]\n    resourceVersion: '7'\n"
	}
	item := func(manifest string) string {
		return "- " + strings.ReplaceAll(strings.TrimSuffix(manifest, "\n"), "\n", "\n  ") + "\n  status: {readyReplicas: 2}\n"
	}
	pod := func(name, kind, of string) string {
		return "- apiVersion: v1\n  kind: Pod\n  " + owner(kind, of) + "    name: " + name + "\n    labels: {app: shop}\n  spec: {containers: [{name: a, image: shop, env: [{name: RELEASE_COOKIE, value: x}]}]}\n  status: {phase: Running}\n"
	}
	for name, c := range map[string]struct {
		items string
		want  string
		nodes int
	}{
		"a Deployment with what it made": {item(shopApp) + pod("shop-5f-x", "ReplicaSet", "shop-5f"), "Deployment", 2},
		"its ReplicaSet too": {item(shopApp) + "- apiVersion: apps/v1\n  kind: ReplicaSet\n  " + owner("Deployment", "shop") + "    name: shop-5f\n  spec: {replicas: 2, template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: a, image: shop, env: [{name: RELEASE_COOKIE, value: x}]}]}}}\n" +
			pod("shop-5f-x", "ReplicaSet", "shop-5f"), "Deployment", 2},
		"pods alone":               {pod("shop-0", "StatefulSet", "shop") + pod("shop-1", "StatefulSet", "shop"), "Pod", 2},
		"a ReplicationController":  {item(strings.NewReplacer("apps/v1", "v1", "Deployment", "ReplicationController", "{matchLabels: {app: shop}}", "{app: shop}").Replace(shopApp)), "ReplicationController", 2},
		"pods beside a Deployment": {item(shopApp) + pod("tool", "Job", "x"), "Deployment", 2},
	} {
		ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader("apiVersion: v1\nkind: List\nitems:\n"+c.items))
		if err != nil || len(ws) != 1 || ws[0].Resolved.Replicas() != c.nodes || ws[0].Resolved.Workloads[0].Kind != c.want {
			t.Errorf("%s: %v, %+v", name, err, ws)
		}
	}
}

// A resource from which an operator makes pods is named, with what to do; alone it is not judged.
func TestResourcesOfOperators(t *testing.T) {
	for text, operated := range map[string]bool{
		"apiVersion: rabbitmq.com/v1beta1\nkind: RabbitmqCluster\nmetadata: {name: x}\n":                                           true,
		"apiVersion: apps.emqx.io/v2beta1\nkind: EMQX\nmetadata: {name: x}\nspec: {coreTemplate: {spec: {replicas: 3}}}\n":         true,
		"apiVersion: vernemq.com/v1alpha1\nkind: VerneMQ\nmetadata: {name: x}\nspec: {size: 3}\n":                                  true,
		"apiVersion: acme.dev/v1\nkind: App\nmetadata: {name: x}\nspec: {env: [{name: RELEASE_NODE, value: a}]}\n":                 true,
		"apiVersion: acme.dev/v1\nkind: App\nmetadata: {name: x}\nspec: {replicas: 3}\n":                                           true,
		"apiVersion: rabbitmq.com/v1beta1\nkind: Queue\nmetadata: {name: x}\nspec: {vhost: a}\n":                                   false,
		"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: x}\nspec: {secretName: a}\n":                          false,
		"apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {minAvailable: 2}\n":                         false,
		"apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: x}\nspec: {replicas: 1}\n":                    false,
		"apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: x}\nspec: {minReplicas: 2, maxReplicas: 3}\n": false,
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nspec: {names: {kind: EMQX}}\n":  false,
	} {
		says := " is not judged: an operator makes its pods, and their manifests are not here. To judge what runs: meshproof init -n NAMESPACE"
		_, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(text))
		if err == nil || strings.Contains(err.Error(), says) != operated || operated != (exitcode.Of(err) == exitcode.Unknown) {
			t.Errorf("%s: %v (%d)", text, err, exitcode.Of(err))
		}
		ws, err := Plain(t.Context(), workload.Loader{}, workload.Stdin, strings.NewReader(text+"---\n"+shop))
		if err != nil || strings.Contains(notes(t, ws[0]), says) != operated {
			t.Errorf("beside an application: %s: %v", text, err)
		}
	}
}
