package rules

import (
	"fmt"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieFileMode() check.Check {
	return check.Check{
		ID: "manifest/cookie-file-mode", Title: "mounts the cookie file readable by its owner only", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "The VM refuses a .erlang.cookie that others may read and does not start. Secrets are mounted with mode 0644, and fsGroup makes a file group-readable whatever its mode is.",
		Source: "https://github.com/erlang/otp/blob/master/lib/kernel/src/auth.erl (check_attributes)",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "too-open", "fs-group"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *objects.Workload, f *check.Finding) {
				for _, p := range m.Places(w) {
					if _, given := recording.Flag(objects.Words(p.Text), "-setcookie"); given {
						return // then nobody reads the file
					}
				}
				for _, c := range w.Spec.Template.Spec.Containers {
					for _, at := range c.VolumeMounts {
						if mode, is := cookieFileMode(w, at); is {
							openTo(w, f, at, mode)
						}
					}
				}
			})
		},
	}
}

func openTo(w *objects.Workload, f *check.Finding, at objects.Mount, mode int) {
	const remedy = "let an init container copy it to an emptyDir with mode 0400, or give the cookie by -setcookie"
	switch {
	case mode&0o077 != 0:
		f.Fail("too-open", fmt.Sprintf("%s mounts its cookie file %s with mode %04o, which others may read: a VM that reads it does not start", w, at.MountPath, mode), remedy)
	case w.Spec.Template.Spec.SecurityContext.FSGroup != nil:
		f.Fail("fs-group", fmt.Sprintf("%s mounts its cookie file %s with fsGroup %d, which makes it group-readable: a VM that reads it does not start", w, at.MountPath, *w.Spec.Template.Spec.SecurityContext.FSGroup), remedy)
	}
}

// cookieFileMode is the mode of the cookie file that a mount brings, if it does.
func cookieFileMode(w *objects.Workload, at objects.Mount) (mode int, is bool) {
	const file = ".erlang.cookie"
	for _, vol := range w.Spec.Template.Spec.Volumes {
		if vol.Secret == nil || vol.Name != at.Name {
			continue
		}
		mode = 0o644
		if vol.Secret.DefaultMode != nil {
			mode = *vol.Secret.DefaultMode
		}
		is = strings.HasSuffix(at.MountPath, "/"+file)
		for _, item := range vol.Secret.Items {
			if item.Path != file && item.Path != at.SubPath {
				continue
			}
			is = is || item.Path == file
			if item.Mode != nil {
				mode = *item.Mode
			}
		}
		return mode, is
	}
	return 0, false
}
