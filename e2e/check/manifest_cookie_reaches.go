package check

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieReaches() Check {
	return Check{
		ID: "manifest/cookie-reaches-vm", Title: "gives the VM the cookie, and not only its command line tool", Rung: Manifest, Level: Latent, Scenario: "formation",
		Why:    "relx's start script uses RELX_COOKIE for ping, rpc and remote_console only: a node in the foreground takes its cookie from vm.args, and from a random file where there is none.",
		Source: "https://github.com/erlware/relx/blob/main/priv/templates/extended_bin",
		Causes: map[string][]string{"tool-only": NeedsMesh("handshake/*")},
		Judge: func(v *view.View) []Finding {
			taken := len(accepting(v)) > 0 && len(accepting(v)) == len(members(v))
			return eachWorkload(v, func(m *manifests, w *workload, f *Finding) {
				for i := range w.Spec.Template.Spec.Containers {
					c := &w.Spec.Template.Spec.Containers[i]
					e := c.env("RELX_COOKIE")
					if e == nil || taken || cookieGiven(m, w, c, e) {
						continue
					}
					f.fail("tool-only", fmt.Sprintf("container %s of %s has RELX_COOKIE, and nothing gives the same cookie to the VM", c.Name, w),
						"have -setcookie ${COOKIE} in vm.args.src, and a variable COOKIE from the same Secret key")
				}
			})
		},
	}
}

// cookieGiven reports whether something beside RELX_COOKIE may bring the cookie to the VM: another variable of the same
// source, or a -setcookie anywhere.
func cookieGiven(m *manifests, w *workload, c *container, relx *variable) bool {
	for _, p := range m.places(w) {
		if _, is := recording.Flag(words(p.text), "-setcookie"); is && p.in == c {
			return true
		}
	}
	for _, e := range c.Env {
		if e.Name != relx.Name && source(e) == source(*relx) {
			return true
		}
	}
	return false
}

// source is where the variable's value comes from.
func source(e variable) string {
	switch {
	case e.ValueFrom == nil:
		return "value " + e.Value
	case e.ValueFrom.SecretKeyRef != nil:
		return "secret " + e.ValueFrom.SecretKeyRef.Name + "/" + e.ValueFrom.SecretKeyRef.Key
	case e.ValueFrom.ConfigMapKeyRef != nil:
		return "config " + e.ValueFrom.ConfigMapKeyRef.Name + "/" + e.ValueFrom.ConfigMapKeyRef.Key
	default:
		return "other " + e.Name
	}
}
