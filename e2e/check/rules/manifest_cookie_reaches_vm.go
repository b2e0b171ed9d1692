package rules

import (
	"fmt"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieReachesVM() check.Check {
	return check.Check{
		ID: "manifest/cookie-reaches-vm", Title: "passes the cookie to the VM, not only to the command line tool", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "relx's start script uses RELX_COOKIE for ping, rpc and remote_console only: a node in the foreground takes its cookie from vm.args, and from a random file where there is none.",
		Source: "https://github.com/erlware/relx/blob/main/priv/templates/extended_bin",
		Causes: map[string][]string{"tool-only": check.NeedsMesh("handshake/*")},
		Judge: func(v *view.View) []check.Finding {
			taken := len(evidence.AcceptingCookie(v)) > 0 && len(evidence.AcceptingCookie(v)) == len(check.Members(v))
			return objects.EachWorkload(v, func(m *objects.Manifests, w *objects.Workload, f *check.Finding) {
				for i := range w.Spec.Template.Spec.Containers {
					c := &w.Spec.Template.Spec.Containers[i]
					e := c.Lookup("RELX_COOKIE")
					if e == nil || taken || cookieGiven(m, w, c, e) {
						continue
					}
					f.Fail("tool-only", fmt.Sprintf("container %s of %s has RELX_COOKIE, and nothing gives the same cookie to the VM", c.Name, w),
						"have -setcookie ${COOKIE} in vm.args.src, and a variable COOKIE from the same Secret key")
				}
			})
		},
	}
}

// cookieGiven reports whether something beside RELX_COOKIE may bring the cookie to the VM: another variable of the same
// source, or a -setcookie anywhere.
func cookieGiven(m *objects.Manifests, w *objects.Workload, c *objects.Container, relx *objects.Variable) bool {
	for _, p := range m.Places(w) {
		if _, is := recording.Flag(objects.Words(p.Text), "-setcookie"); is && p.In == c {
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
func source(e objects.Variable) string {
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
