package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieGiven() check.Check {
	return check.Check{
		ID: "manifest/cookie-given", Title: "gives all nodes the same cookie", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "A VM that is given no cookie makes up a random one in the file .erlang.cookie of its container: peers are found, and refuse each other. The images of RabbitMQ, ejabberd and CouchDB have no cookie of their own; a release that mix or relx makes has one.",
		Source: "https://github.com/rabbitmq/rabbitmq-peer-discovery-k8s/issues/8",
		Causes: map[string][]string{"none": check.NeedsMesh("handshake/*")},
		Judge: func(v *view.View) []check.Finding {
			taken := evidence.SameForm(v)
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				hides := m.CookieMayHide(w)
				switch {
				case taken || len(m.Cookies(w)) > 0:
				case v.MeansNoMesh() || !m.Clusters(w):
					f.Skip(m.NoCookie(w) + ", and nothing shows that its nodes are to find each other")
				case hides != "":
					f.Skip("no cookie of " + w.String() + " was seen in the manifests; it may come from " + hides)
				default:
					noCookie(w, f)
				}
			})
		},
	}
}

// noCookie fails the finding for an image that is known to have no cookie of its own.
func noCookie(w *manifest.Workload, f *check.Finding) {
	f.Skip("nothing in the manifests gives the nodes of " + w.String() + " a cookie: one that all pods share can only be in the image")
	for _, c := range w.Containers(manifest.Main) {
		if p := objects.ProductOf(c); p != nil && p.Cookie != "" {
			f.Fail("none", fmt.Sprintf("nothing in the manifests gives the nodes of %s a cookie: unless somebody put one into the image %s, each pod makes up its own, and the nodes refuse each other", w, c.Image),
				fmt.Sprintf("put a cookie into a Secret, and add {name: %s, valueFrom: {secretKeyRef: {name: NAME, key: cookie}}} to the env of container %s", p.Cookie, c.Name))
			return
		}
	}
}
