package objects

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// folded is a view that has only manifests, with the Deployment shop as the profile's workload.
func folded(t *testing.T, objects ...string) *view.View {
	t.Helper()
	v, err := view.New(recording.Header{Format: recording.Format, Profile: []byte(`{"name":"shop","service":"shop","workloads":[{"kind":"Deployment","name":"shop","replicas":2}]}`), Scenario: recording.Formation})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		kind, name, _ := strings.Cut(o[:strings.IndexByte(o, ' ')], "/")
		v.Apply(recording.Event{Object: &recording.Object{Kind: kind, Name: name, Manifest: []byte(o[strings.IndexByte(o, ' ')+1:])}})
	}
	return v
}

// deployment is one whose container has these fields.
func deployment(container string) string {
	return `Deployment/shop {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"shop"},"spec":{"template":{"spec":{"volumes":[{"name":"c","secret":{"secretName":"cookie","items":[{"key":"c","path":".erlang.cookie"}]}}],"containers":[{"name":"web"` + container + `}]}}}}`
}

func TestReadings(t *testing.T) {
	for container, want := range map[string]string{
		``: "speaks false; Services: shop, which selects the pods",
		`,"env":[{"name":"RELEASE_NODE","value":"shop@$(POD_IP)"},{"name":"RELEASE_COOKIE","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]`:                                                       "speaks true; node name: env RELEASE_NODE of container web; cookie: env RELEASE_COOKIE of container web; VM flags: env RELEASE_NODE of container web; Services: shop, which selects the pods; missing: Secret s with key k, for env RELEASE_COOKIE of container web",
		`,"args":["-sname x","-setcookie $(C)"],"envFrom":[{"configMapRef":{"name":"more"}}]`:                                                                                                           "speaks true; node name: args of container web; cookie: args of container web; VM flags: args of container web; Services: shop, which selects the pods; missing: ConfigMap more, for envFrom of container web",
		`,"env":[{"name":"DNS_CLUSTER_QUERY","value":"shop"},{"name":"DISCOVERY_NODES","value":"shop@a.shop,shop@b.shop"},{"name":"RELEASE_NODE","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]`: "speaks true; node name: env RELEASE_NODE of container web, whose value is in Secret s with key k; VM flags: env DNS_CLUSTER_QUERY of container web; discovery: shop, by env DNS_CLUSTER_QUERY of container web, names of pods, by env DISCOVERY_NODES of container web; Services: shop, which selects the pods; missing: Secret s with key k, for env RELEASE_NODE of container web",
		`,"volumeMounts":[{"name":"c","mountPath":"/root"}]`: "speaks true; cookie: file /root/.erlang.cookie of container web; Services: shop, which selects the pods; missing: Secret cookie, for /root/.erlang.cookie of container web",
		`,"ports":[{"name":"epmd","containerPort":4369}],"env":[{"name":"SESSION_COOKIE","value":"x"},{"name":"Q","value":"shop-h.prod.svc"}]`: "speaks true; ports: 4369 epmd of container web; Services: shop-h, named by Deployment shop, shop, which selects the pods",
	} {
		all := Readings(folded(t, deployment(container)))
		got := fmt.Sprintf("speaks %t", Speaks(all))
		for _, r := range all {
			if len(r.Seen) > 0 {
				got += "; " + r.What + ": " + strings.Join(r.Seen, ", ")
			}
		}
		if got != want {
			t.Errorf("%s:\n%s\nwanted\n%s", container, got, want)
		}
	}
}

// objectOf is a document as a recording has it.
func objectOf(t *testing.T, d *manifest.Document) recording.Object {
	t.Helper()
	text, err := json.Marshal(d.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return recording.Object{Kind: d.Kind, Name: d.Name, Manifest: text, File: d.Position().File, Lines: d.Lines()}
}
