package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/evidence"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieReachesVM() check.Check {
	return check.Check{
		ID: "manifest/cookie-reaches-vm", Title: "passes the cookie to the VM, not only to the command line tool", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "The start script of relx uses RELX_COOKIE only for ping, rpc and remote_console. A node in the foreground takes its cookie from vm.args, or without that from a file with a random cookie.",
		Source: "https://github.com/erlware/relx/blob/main/priv/templates/extended_bin",
		Causes: map[string][]string{"tool-only": check.NeedsMesh("handshake/*")},
		Judge: func(v *view.View) []check.Finding {
			taken := evidence.SameForm(v)
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				seen := false
				for _, c := range w.Containers(manifest.Main) {
					relx, has := m.Env(w, c).Lookup("RELX_COOKIE")
					if seen = seen || has; !has || taken || cookieGiven(m, w, c, relx) {
						continue
					}
					f.Fail("tool-only", fmt.Sprintf("container %s of %s has RELX_COOKIE, but nothing passes the same cookie to the VM", c.Name, w),
						"write -setcookie ${COOKIE} in vm.args.src, and add a variable COOKIE with the value of RELX_COOKIE (the same Secret key)")
				}
				if !seen {
					f.Skip("no RELX_COOKIE was seen in the manifests of " + w.String())
				}
			})
		},
	}
}

// cookieGiven reports whether something other than RELX_COOKIE may pass the cookie to the VM: another variable of the same
// source, or a -setcookie anywhere.
func cookieGiven(m *objects.Manifests, w *manifest.Workload, c *manifest.Container, relx manifest.Variable) bool {
	for _, p := range m.Places(w) {
		if _, is := recording.Flag(objects.Words(p.Text), "-setcookie"); is && p.In.Name == c.Name {
			return true
		}
	}
	for _, e := range m.Env(w, c).Variables {
		if e.Name != relx.Name && source(e) == source(relx) {
			return true
		}
	}
	return false
}

// source is where the variable's value comes from: its own text, or a key of an object. Two variables with any other
// source never have it in common.
func source(e manifest.Variable) string {
	switch {
	case e.From == "":
		return "value " + e.Written
	case strings.HasPrefix(e.From, "secretKeyRef "), strings.HasPrefix(e.From, "configMapKeyRef "):
		return e.From
	default:
		return "other " + e.Name
	}
}
