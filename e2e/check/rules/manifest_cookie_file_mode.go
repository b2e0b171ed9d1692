package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func manifestCookieFileMode() check.Check {
	return check.Check{
		ID: "manifest/cookie-file-mode", Title: "mounts the cookie file readable by its owner only", Rung: check.Manifest, Level: check.Latent, Scenario: "formation",
		Why:    "The VM does not start if others may read its .erlang.cookie. The default mode of mounted Secrets is 0644, and fsGroup makes a file group-readable whatever its mode is; without it the file belongs to root, and no other user can read it with mode 0400.",
		Source: "https://github.com/erlang/otp/blob/master/lib/kernel/src/auth.erl (check_attributes)",
		Causes: check.Alike(check.From(check.DNS, "pods/*", "vm/*"), "too-open", "fs-group", "unreadable"),
		Judge: func(v *view.View) []check.Finding {
			return objects.EachWorkload(v, func(m *objects.Manifests, w *manifest.Workload, f *check.Finding) {
				// With -setcookie the VM does not read the file.
				given := slices.ContainsFunc(m.Places(w), func(p objects.Place) bool {
					_, is := recording.Flag(objects.Words(p.Text), "-setcookie")
					return is
				})
				seen := false
				for _, c := range w.Containers(manifest.Main) {
					for _, file := range m.Files(w, c) {
						if file.Kind == "Secret" && path.Base(file.Path) == ".erlang.cookie" {
							if seen = true; !given && f.Outcome != check.Fail {
								openTo(w, c, f, file)
							}
						}
					}
				}
				for _, at := range kept(m, w) {
					if seen = true; !given && f.Outcome != check.Fail {
						reopened(w, f, at)
					}
				}
				if !seen {
					f.Skip("no cookie file of " + w.String() + " was seen in the manifests")
				}
			})
		},
	}
}

func openTo(w *manifest.Workload, c *manifest.Container, f *check.Finding, file manifest.File) {
	const remedy = "let an init container copy the file to an emptyDir with mode 0400, or pass the cookie with -setcookie"
	security := w.Pod().SecurityContext
	switch {
	case file.Mode&0o077 != 0:
		f.Fail("too-open", fmt.Sprintf("%s mounts its cookie file %s with mode %04o, which others may read: a VM that reads it does not start", w, file.Path, file.Mode), remedy)
	case security != nil && security.FSGroup != nil:
		f.Fail("fs-group", fmt.Sprintf("%s mounts its cookie file %s with fsGroup %d, which makes it group-readable: a VM that reads it does not start", w, file.Path, *security.FSGroup), remedy)
	case notRoot(w, c) != "":
		f.Fail("unreadable", fmt.Sprintf("%s mounts its cookie file %s with mode %04o. The file belongs to root, and container %s does not run as root (%s): the VM cannot read it and does not start", w, file.Path, file.Mode, c.Name, notRoot(w, c)), remedy)
	}
}

// notRoot is the field that says that the container runs as another user than root, "" where none does: the image may say it.
func notRoot(w *manifest.Workload, c *manifest.Container) string {
	user, none := (*int64)(nil), (*bool)(nil)
	if s := w.Pod().SecurityContext; s != nil {
		user, none = s.RunAsUser, s.RunAsNonRoot
	}
	if s := c.SecurityContext; s != nil {
		if s.RunAsUser != nil {
			user = s.RunAsUser
		}
		if s.RunAsNonRoot != nil {
			none = s.RunAsNonRoot
		}
	}
	switch {
	case user != nil && *user != 0:
		return fmt.Sprintf("runAsUser: %d", *user)
	case user == nil && none != nil && *none:
		return "runAsNonRoot: true"
	}
	return ""
}

// cookiePath is the path of a cookie file in a command.
var cookiePath = regexp.MustCompile(`/[\w./-]*\.erlang\.cookie`)

// kept are the cookie files on volumes that outlive the pod, whose mode nothing sets again: those that a command writes, and the
// one that the VM makes in its home where nobody gives it a cookie.
func kept(m *objects.Manifests, w *manifest.Workload) []string {
	var all []string
	add := func(c *manifest.Container, at string) {
		if mount := objects.MountAt(c, at); mount != nil && mount.SubPath == "" && objects.Persistent(w, mount.Name) && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	for _, c := range w.Containers() {
		text := strings.Join(slices.Concat(c.Command, c.Args), " ")
		for _, at := range cookiePath.FindAllString(text, -1) {
			if !setsMode.MatchString(text) {
				add(c, at)
			}
		}
		if p := objects.ProductOf(c); p != nil && p.Cookie != "" && p.Home != "" && len(m.Cookies(w)) == 0 && m.CookieMayHide(w) == "" {
			add(c, p.Home+"/.erlang.cookie")
		}
	}
	return all
}

// setsMode is a command that gives a file its mode, or makes it anew.
var setsMode = regexp.MustCompile(`\b(chmod|install|rm)\b`)

// reopened fails the finding if fsGroup changes the mode of a file when its volume is mounted the next time.
func reopened(w *manifest.Workload, f *check.Finding, at string) {
	s := w.Pod().SecurityContext
	if s == nil || s.FSGroup == nil || s.FSGroupChangePolicy != nil && *s.FSGroupChangePolicy == corev1.FSGroupChangeOnRootMismatch {
		return
	}
	f.Fail("fs-group", fmt.Sprintf("%s has its cookie file %s on a volume with fsGroup %d, which gives the file mode 0660 when the volume is mounted the next time: the VM then does not start", w, at, *s.FSGroup),
		"run chmod 0400 "+at+" in an init container, or set fsGroupChangePolicy: OnRootMismatch in the securityContext of the pod, or pass the cookie with -setcookie")
}
