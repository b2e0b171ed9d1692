package workload

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// Objects are the objects of rendered manifests as a recording contains them, in their order, with their places in the files. The
// values of a Secret are removed (its keys stay), and a cookie anywhere else is replaced by [secrets.Mark]: what known redacts, the
// value of a variable whose name contains "cookie", the argument of -setcookie. A reference ($COOKIE, secretKeyRef) stays. Absolute
// paths of files become relative to dir, the profile's folder, because a recording is also read on other machines.
func Objects(rendered *manifest.Set, dir string, known *secrets.Redactor) ([]recording.Object, error) {
	var all []recording.Object
	for _, d := range rendered.Documents {
		o := d.Copy()
		guessed := strengths(o, known)
		conceal(o, known)
		m, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		all = append(all, recording.Object{Kind: d.Kind, Name: d.Name, Manifest: m, Cookies: guessed, File: relative(d.Position().File, dir), Lines: d.Lines()})
	}
	return all, nil
}

// strengths says of each key of a Secret whose value is the cookie how well it can be guessed.
func strengths(o map[string]any, known *secrets.Redactor) map[string]string {
	if o["kind"] != "Secret" {
		return nil
	}
	all := map[string]string{}
	for k, v := range dict(o["data"]) {
		if value, err := base64.StdEncoding.DecodeString(text(v)); err == nil {
			all[k] = known.Strength(value)
		}
	}
	for k, v := range dict(o["stringData"]) { // comes before data (core/v1, Secret)
		all[k] = known.Strength([]byte(text(v)))
	}
	maps.DeleteFunc(all, func(_, strength string) bool { return strength == "" })
	if len(all) == 0 {
		return nil
	}
	return all
}

// relative is an absolute path relative to dir; any other path is not changed.
func relative(path, dir string) string {
	if !filepath.IsAbs(path) {
		return path
	}
	base, err := filepath.Abs(dir)
	if err != nil {
		return filepath.Base(path)
	}
	short, err := filepath.Rel(base, path)
	if err != nil {
		return filepath.Base(path)
	}
	return short
}

// Copies are annotations that contain a copy of the whole object.
var Copies = []string{"kubectl.kubernetes.io/last-applied-configuration", "config.kubernetes.io/origin", "internal.config.kubernetes.io/previousConfig"}

// conceal removes everything from an object that is or may be a cookie.
func conceal(o map[string]any, known *secrets.Redactor) {
	if a := dict(dict(o["metadata"])["annotations"]); a != nil {
		for _, c := range Copies {
			delete(a, c)
		}
		if len(a) == 0 {
			delete(dict(o["metadata"]), "annotations")
		}
	}
	if o["kind"] == "Secret" {
		for _, field := range []string{"data", "stringData"} {
			values := dict(o[field])
			for k := range values {
				values[k] = ""
			}
		}
	}
	for k, v := range o {
		o[k] = concealed(k, v, known)
	}
}

var (
	// afterFlag is a cookie on a command line: "-setcookie abc", "-setcookie=abc".
	afterFlag = regexp.MustCompile(`(-(?:set)?cookie[= ]+["']?)([^\s"'$]+)`)
	isFlag    = regexp.MustCompile(`^-(set)?cookie$`)
	isCookie  = regexp.MustCompile(`(?i)cookie`)
)

// concealed is v, the value of a field or a list, without cookies. named is the name of the field.
func concealed(named string, v any, known *secrets.Redactor) any {
	switch v := v.(type) {
	case string:
		return afterFlag.ReplaceAllString(known.Text(v), "${1}"+secrets.Mark)
	case []any:
		for i := range v {
			if s, is := v[i].(string); is && i > 0 && isFlag.MatchString(text(v[i-1])) {
				v[i] = literal(s)
				continue
			}
			v[i] = concealed(named, v[i], known)
		}
	case map[string]any:
		name := text(v["name"])
		for k, x := range v {
			s, is := x.(string)
			switch {
			// A variable of the environment, and a file of a ConfigMap (.erlang.cookie).
			case is && named == "binaryData" && isCookie.MatchString(k):
				v[k] = base64.StdEncoding.EncodeToString([]byte(literal(s)))
			case is && k == "value" && isCookie.MatchString(name), is && isCookie.MatchString(k) && (named == "data" || named == "stringData"):
				v[k] = literal(s)
			default:
				v[k] = concealed(k, x, known)
			}
		}
	}
	return v
}

// literal conceals a literal cookie; a reference to one is not changed.
func literal(s string) string {
	if s == "" || strings.HasPrefix(s, "$") {
		return s
	}
	return secrets.Mark
}

// SaysCookie reports whether a name, of a variable or of a Secret's key, contains "cookie".
func SaysCookie(name string) bool { return isCookie.MatchString(name) }

// cookies are the values of that key in every Secret of the manifests, and of every key that contains "cookie".
func cookies(all *manifest.Set, key string) [][]byte {
	var values [][]byte
	for _, d := range all.Of("Secret") {
		// Read untyped: a value that is not base64 cannot be decoded into the typed object.
		for k, v := range dict(d.Raw["stringData"]) {
			if k == key || isCookie.MatchString(k) {
				values = append(values, []byte(text(v)))
			}
		}
		for k, v := range dict(d.Raw["data"]) {
			if k == key || isCookie.MatchString(k) {
				raw, err := base64.StdEncoding.DecodeString(text(v))
				if err != nil {
					raw = []byte(text(v)) // the API server will reject it; it must not be shown either
				}
				values = append(values, raw)
			}
		}
	}
	return values
}

func dict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
