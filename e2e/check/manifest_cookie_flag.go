package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieFlag() Check {
	return Check{
		ID: "manifest/cookie-flag", Title: "has no cookie flag that the VM ignores", Rung: Manifest, Level: Required, Scenario: "formation",
		Why:    "The VM ignores -cookie without a word and makes up a random cookie for each container: every node refuses every other.",
		Source: "https://www.erlang.org/doc/apps/erts/erl_cmd.html (-cookie, -setcookie)",
		Causes: map[string][]string{"misspelt": NeedsMesh("vm/cookie-flag", "handshake/*")},
		Judge: func(v *view.View) []Finding {
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				var wrong []string
				for _, p := range m.places(w) {
					text := words(p.text)
					if _, right := recording.Flag(text, "-setcookie"); right {
						return // one right place is enough, the other is ignored
					}
					if _, is := recording.Flag(text, "-cookie"); is {
						wrong = append(wrong, p.where)
					}
				}
				if len(wrong) > 0 {
					f.fail("misspelt", fmt.Sprintf("%s of %s has -cookie, which the VM ignores", list(wrong), w),
						"write -setcookie instead of -cookie, with the value of a Secret: -setcookie $(COOKIE)")
				}
			})
		},
	}
}
