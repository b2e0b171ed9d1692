package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieFlag() check.Check {
	return check.Check{
		ID: "manifest/cookie-flag", Title: "does not use a cookie flag that the VM ignores", Rung: check.Manifest, Level: check.Required, Scenario: "formation", Refutable: true,
		Why:    "The VM ignores -cookie without a message and creates a random cookie in each container: every node refuses every other.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (-cookie, -setcookie)",
		Causes: map[string][]string{"misspelt": check.NeedsMesh("vm/cookie-flag", "handshake/*")},
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				var wrong []string
				for _, p := range m.Places(w) {
					text := objects.Words(p.Text)
					if _, right := recording.Flag(text, "-setcookie"); right {
						return // one correct flag is enough, the other is ignored
					}
					if _, is := recording.Flag(text, "-cookie"); is {
						wrong = append(wrong, p.Where)
					}
				}
				if len(wrong) == 0 {
					f.Skip("no -setcookie or -cookie was seen in the manifests of " + w.String())
				} else {
					f.Fail("misspelt", fmt.Sprintf("%s of %s has -cookie, which the VM ignores", check.List(wrong), w),
						"write -setcookie instead of -cookie, with the value of a Secret: -setcookie $(COOKIE)")
				}
			})
		},
	}
}
