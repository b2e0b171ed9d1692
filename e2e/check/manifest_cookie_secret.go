package check

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieSecret() Check {
	return Check{
		ID: "manifest/cookie-in-secret", Title: "takes the cookie from a Secret", Rung: Manifest, Level: Advice, Scenario: "formation",
		Why:    "Whoever knows the cookie runs any code on every node. In a manifest or a ConfigMap it stands in version control, in kubectl describe and in every backup.",
		Source: "https://kubernetes.io/docs/concepts/configuration/secret/",
		Causes: map[string][]string{"literal": nil},
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				var open []string
				for _, p := range m.places(w) {
					value, is := recording.Flag(words(p.text), "-setcookie")
					literal := is && value != "" && !variableIn(value)
					if holdsCookie(p.variable) && p.text != "" && !variableIn(p.text) || literal {
						open = append(open, p.where)
					}
				}
				if len(open) > 0 {
					f.fail("literal", fmt.Sprintf("the cookie of %s stands in %s for all to read", w, list(open)),
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
