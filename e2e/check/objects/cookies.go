package objects

import (
	"path"
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
)

// Cookie is a place in the manifests that gives the VMs of a workload their cookie.
type Cookie struct {
	Where string // "env RELEASE_COOKIE of container shop"
	// Plain says that its value is written there for everybody to read.
	Plain bool
	// File is the path of a cookie file in the container.
	File string
}

// cookieSetting is a cookie in a configuration file: of EMQX, VerneMQ and CouchDB.
var cookieSetting = regexp.MustCompile(`(?m)^\s*(?:node\.cookie|distributed_cookie|erlang[._]cookie|cookie)\s*[=:]\s*` + word)

// Cookies are all places that give a cookie to w's VMs.
func (m *Manifests) Cookies(w *manifest.Workload) []Cookie {
	var all []Cookie
	for _, c := range w.Containers() {
		for _, v := range m.Env(w, c).Decided() {
			if HoldsCookie(v.Name) || strings.Contains(v.From, "KeyRef ") && isCookie(v.From) {
				open := v.From == "" || strings.HasPrefix(v.From, "configMap")
				all = append(all, Cookie{Where: "env " + v.Name + " of container " + c.Name, Plain: open && HoldsCookie(v.Name) && literal(v.Written)})
			}
		}
		for _, f := range m.Files(w, c) {
			if isFile := path.Base(f.Path) == ".erlang.cookie"; isFile || isCookie(f.Key) {
				one := Cookie{Where: f.Path + " of container " + c.Name + ", from " + f.Kind + " " + f.Object, Plain: f.Kind == "ConfigMap"}
				if isFile {
					one.File = f.Path
				}
				all = append(all, one)
			}
		}
	}
	for _, p := range m.startTexts(w) {
		words := Words(p.Text)
		for _, flag := range []string{"-setcookie", "--cookie"} {
			if value, is := recording.Flag(words, flag); is {
				all = append(all, Cookie{Where: p.Where, Plain: literal(value)})
			}
		}
		if found := cookieSetting.FindStringSubmatch(p.Text); found != nil && p.Config {
			all = append(all, Cookie{Where: p.Where, Plain: literal(unquoted(found[1]))})
		}
	}
	return all
}

// HoldsCookie reports whether a variable of that name is a distribution cookie by its name.
func HoldsCookie(name string) bool {
	return strings.HasSuffix(name, "COOKIE") && !strings.Contains(name, "SESSION")
}

func isCookie(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "cookie") && !strings.Contains(name, "session")
}

// literal reports whether a text is a value itself, and no reference to one.
func literal(text string) bool {
	return text != "" && !HasReference(text) && !strings.HasPrefix(text, "$")
}

// NoCookie says that no cookie was seen, and where one may be.
func (m *Manifests) NoCookie(w *manifest.Workload) string {
	return "no cookie of " + w.String() + " was seen in the manifests" + m.mayHave(w)
}

// harmless are variables from Secrets, and files of them, that hold no cookie.
var (
	harmless      = regexp.MustCompile(`(?i)PASS|PWD|TOKEN|URL|URI|DSN|USER|LOGIN|KEY|CERT|SALT|LICENSE`)
	harmlessFiles = regexp.MustCompile(`\.(crt|key|pem|p12|jks|json)$|^(username|password|token)$`)
)

// CookieMayHide says what may give w's VMs a cookie without showing it, "" if nothing in the manifests can: only the image is left.
func (m *Manifests) CookieMayHide(w *manifest.Workload) string {
	for key := range w.Template.Annotations {
		if strings.Contains(key, "vault") {
			return "the annotation " + key
		}
	}
	if m.Mentions(w, "cookie") {
		return "what starts the nodes, which mentions a cookie"
	}
	for _, c := range w.Containers() {
		if c.Role == manifest.Init && len(c.Command)+len(c.Args) == 0 {
			return "init container " + c.Name + ", whose command is in its image"
		}
		if hidden := m.Hidden(w, c); len(hidden) > 0 {
			return hidden[0]
		}
		for _, v := range m.Env(w, c).Decided() {
			if v.Missing && !harmless.MatchString(v.Name) || strings.HasPrefix(v.From, "secret") && !harmless.MatchString(v.Name) {
				return "variable " + v.Name + " of container " + c.Name
			}
		}
		for _, f := range m.Files(w, c) {
			if f.Kind == "Secret" && !harmlessFiles.MatchString(f.Key) {
				return "Secret " + f.Object
			}
		}
		for _, mount := range c.VolumeMounts {
			if v := volume(w, mount.Name); v != nil && v.EmptyDir == nil && v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil {
				return "volume " + v.Name
			}
		}
	}
	return ""
}
