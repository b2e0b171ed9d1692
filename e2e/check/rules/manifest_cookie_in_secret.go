package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieInSecret() check.Check {
	return check.Check{
		ID: "manifest/cookie-in-secret", Title: "takes the cookie from a Secret", Rung: check.Manifest, Level: check.Advice, Scenario: "formation",
		Why:    "Whoever knows the cookie runs any code on every node. In a manifest or a ConfigMap it stands in version control, in kubectl describe and in every backup.",
		Source: "https://kubernetes.io/docs/concepts/configuration/secret/",
		Causes: map[string][]string{"literal": nil},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				var open []string
				for _, p := range m.Places(w) {
					value, is := recording.Flag(objects.Words(p.Text), "-setcookie")
					literal := is && value != "" && !objects.HasReference(value)
					if holdsCookie(p.Variable) && p.Text != "" && !objects.HasReference(p.Text) || literal {
						open = append(open, p.Where)
					}
				}
				if len(open) > 0 {
					f.Fail("literal", fmt.Sprintf("the cookie of %s stands in %s for all to read", w, check.List(open)),
						"valueFrom: {secretKeyRef: {name: NAME, key: cookie}}, and -setcookie ${COOKIE} in vm.args.src")
				}
			})
		},
	}
}

// holdsCookie reports whether a variable of that name is a distribution cookie by its name.
func holdsCookie(name string) bool {
	return strings.HasSuffix(name, "COOKIE") && !strings.Contains(name, "SESSION")
}
