package rules

import (
	"fmt"
	"slices"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
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
				cookies := m.Cookies(w)
				if len(cookies) == 0 {
					f.Skip(m.NoCookie(w))
					return
				}
				var open []string
				for _, c := range cookies {
					if c.Plain && !slices.Contains(open, c.Where) {
						open = append(open, c.Where)
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
