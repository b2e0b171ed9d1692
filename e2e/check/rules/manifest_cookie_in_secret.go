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
		Why:    "Everybody who knows the cookie can run any code on every node. A cookie in a manifest or a ConfigMap is also in version control, in kubectl describe and in every backup.",
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
					f.Fail("literal", fmt.Sprintf("the cookie of %s is written in plain text in %s", w, check.List(open)),
						"put the cookie in a Secret and take it from there: valueFrom: {secretKeyRef: {name: NAME, key: cookie}} for a variable; where a flag needs it, refer to that variable: -setcookie ${COOKIE}")
				}
			})
		},
	}
}

// holdsCookie reports whether a variable of that name is a distribution cookie by its name.
func holdsCookie(name string) bool {
	return strings.HasSuffix(name, "COOKIE") && !strings.Contains(name, "SESSION")
}
