package profile

import (
	"strings"
	"testing"
)

func TestNamespaceComesFromProfileManifestsOrNames(t *testing.T) {
	const (
		deployment = "kind: Deployment\nmetadata: {name: d}\nspec: {replicas: 2, template: {metadata: {labels: {app: a}}, spec: {containers: [{image: shop, env: [{name: PEERS, value: \"%\"}]}]}}}\n---\n"
		service    = "kind: Service\nmetadata: {name: shop}\nspec: {selector: {app: a}}\n---\n"
		carried    = "kind: Service\nmetadata: {name: shop, namespace: prod}\n---\n"
	)
	names := func(s string) string { return strings.Replace(deployment, "%", s, 1) }
	for name, c := range map[string]struct {
		said, manifests, want string
		origin                Origin
		err                   string
	}{
		"named nowhere":                   {"", deployment + service, "(a fresh one)", Default, ""},
		"the profile":                     {"shop", deployment + service, "shop", InProfile, ""},
		"the manifests":                   {"", deployment + carried, "prod", Inferred, ""},
		"both, the same":                  {"prod", deployment + carried, "prod", InProfile, ""},
		"a name in the environment":       {"", names("shop.prod.svc.cluster.local") + service, "prod", Inferred, ""},
		"the end of a name":               {"", names("http://shop.prod.svc:80/") + service, "prod", Inferred, ""},
		"a pod's name":                    {"", names("d-0.shop.prod.svc") + service, "prod", Inferred, ""},
		"a SRV name":                      {"", names("_dist._tcp.shop.prod.svc.cluster.local.") + service, "prod", Inferred, ""},
		"a Service in a variable":         {"", names("$(SERVICE).prod.svc") + service, "prod", Inferred, ""},
		"another variable":                {"", names("$SERVICE.prod.svc") + service, "prod", Inferred, ""},
		"a ConfigMap":                     {"", deployment + service + "kind: ConfigMap\nmetadata: {name: c}\ndata:\n  vm.args: |\n    -name a@$(HOST).shop.prod.svc.cluster.local\n", "prod", Inferred, ""},
		"a namespace in a variable":       {"", names("shop.$(NAMESPACE).svc.cluster.local shop.${NAMESPACE}.svc shop.$namespace.svc") + service, "(a fresh one)", Default, ""},
		"somebody else's Service":         {"", names("postgres.databases.svc.cluster.local") + service, "(a fresh one)", Default, ""},
		"no name of a Service":            {"", names("shop.prod.svcs shop.prod.service") + service, "(a fresh one)", Default, ""},
		"the profile moves the manifests": {"shop", deployment + carried + "kind: Namespace\nmetadata: {name: prod}\n", "shop", InProfile, ""},
		"two that the profile would move": {"shop", deployment + carried + "kind: ConfigMap\nmetadata: {name: c, namespace: staging}\n", "", "", `Service shop is in "prod", and ConfigMap c is in "staging"`},
		"the profile and a name":          {"shop", names("shop.prod.svc") + service, "", "", `spec.namespace is "shop", and Deployment d uses the name shop.prod.svc`},
		"the manifests and a name":        {"", names("shop.staging.svc") + carried, "", "", `Service shop is in "prod", and Deployment d uses the name shop.staging.svc`},
		"two names":                       {"", names("shop.staging.svc,shop.prod.svc") + service, "", "", "uses the name shop.staging.svc, and Deployment d uses the name shop.prod.svc"},
		"two of the manifests' own":       {"", deployment + carried + "kind: ConfigMap\nmetadata: {name: c, namespace: staging}\n", "", "", `and ConfigMap c is in "staging"`},
	} {
		text := good
		if c.said != "" {
			text += "  namespace: " + c.said + "\n"
		}
		p, err := Decode("p.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		r, err := resolve(p, c.manifests)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || !strings.HasPrefix(err.Error(), "p.yaml:") {
				t.Errorf("%s: error %v, want one that says %s", name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, s := range Settings(p, r) {
			if s.Name == "namespace" && (s.Value != c.want || s.Origin != c.origin) {
				t.Errorf("%s: %+v, want %s (%s)", name, s, c.want, c.origin)
			}
		}
	}
}

func TestAutoscalerTellsTheReplicas(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	const scaler = "---\nkind: HorizontalPodAutoscaler\nmetadata: {name: h}\nspec: {scaleTargetRef: {kind: Deployment, name: d}, minReplicas: 4}\n"
	for spec, want := range map[string]int{"template: {}": 4, "template: {}, replicas: 2": 2} {
		r, err := resolve(p, "kind: Deployment\nmetadata: {name: d}\nspec: {"+spec+"}\n"+scaler)
		if err != nil || r.Replicas() != want {
			t.Errorf("%s: %v, %v; want %d", spec, r, err, want)
		}
	}
}
