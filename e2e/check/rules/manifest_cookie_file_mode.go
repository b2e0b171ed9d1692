package rules

import (
	"fmt"
	"path"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieFileMode() check.Check {
	return check.Check{
		ID: "manifest/cookie-file-mode", Title: "mounts the cookie file readable by its owner only", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "The VM does not start if others may read its .erlang.cookie. The default mode of mounted Secrets is 0644, and fsGroup makes a file group-readable whatever its mode is.",
		Source: "https://github.com/erlang/otp/blob/master/lib/kernel/src/auth.erl (check_attributes)",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "too-open", "fs-group"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				for _, p := range m.Places(w) {
					if _, given := recording.Flag(objects.Words(p.Text), "-setcookie"); given {
						return // then the VM does not read the file
					}
				}
				for _, c := range w.Containers(manifest.Main) {
					for _, file := range m.Files(w, c) {
						if file.Kind == "Secret" && path.Base(file.Path) == ".erlang.cookie" {
							openTo(w, f, file)
						}
					}
				}
			})
		},
	}
}

func openTo(w *manifest.Workload, f *check.Finding, file manifest.File) {
	const remedy = "let an init container copy the file to an emptyDir with mode 0400, or pass the cookie with -setcookie"
	security := w.Pod().SecurityContext
	switch {
	case file.Mode&0o077 != 0:
		f.Fail("too-open", fmt.Sprintf("%s mounts its cookie file %s with mode %04o, which others may read: a VM that reads it does not start", w, file.Path, file.Mode), remedy)
	case security != nil && security.FSGroup != nil:
		f.Fail("fs-group", fmt.Sprintf("%s mounts its cookie file %s with fsGroup %d, which makes it group-readable: a VM that reads it does not start", w, file.Path, *security.FSGroup), remedy)
	}
}
