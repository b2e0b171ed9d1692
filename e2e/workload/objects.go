package workload

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
	sigsyaml "sigs.k8s.io/yaml"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// Objects are the objects of rendered manifests as a recording holds them, in their order. What a Secret holds is taken out
// (its keys stay), and a cookie that stands anywhere else is [secrets.Mark] there: what known guards, the value of a
// variable whose name says cookie, what follows -setcookie. A reference ($COOKIE, secretKeyRef) is none, and stays.
func Objects(manifests []byte, known *secrets.Redactor) ([]recording.Object, error) {
	docs, err := documents(manifests)
	if err != nil {
		return nil, err
	}
	var all []recording.Object
	for _, o := range docs {
		conceal(o, known)
		m, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		all = append(all, recording.Object{Kind: text(o["kind"]), Name: text(dict(o["metadata"])["name"]), Manifest: m})
	}
	return all, nil
}

// documents decodes a YAML stream as the API server would, one map per object; empty documents are left out.
func documents(stream []byte) ([]map[string]any, error) {
	var all []map[string]any
	d := yaml.NewDecoder(bytes.NewReader(stream))
	for n := 1; ; n++ {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		var y []byte
		if err == nil {
			y, err = yaml.Marshal(&doc)
		}
		var o map[string]any
		if err == nil {
			err = sigsyaml.Unmarshal(y, &o)
		}
		if err != nil {
			return nil, fmt.Errorf("object %d of the manifests: %w", n, err)
		}
		if o != nil {
			all = append(all, o)
		}
	}
}

// copies are annotations that hold the whole object once more.
var copies = []string{"kubectl.kubernetes.io/last-applied-configuration", "config.kubernetes.io/origin", "internal.config.kubernetes.io/previousConfig"}

// conceal takes all that is or may be a cookie out of an object.
func conceal(o map[string]any, known *secrets.Redactor) {
	if a := dict(dict(o["metadata"])["annotations"]); a != nil {
		for _, c := range copies {
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

// concealed is v, the value of a field or a list, without cookies. named is the name that it goes by.
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
			case is && k == "value" && isCookie.MatchString(name), is && isCookie.MatchString(k) && (named == "data" || named == "stringData" || named == "binaryData"):
				v[k] = literal(s)
			default:
				v[k] = concealed(k, x, known)
			}
		}
	}
	return v
}

// literal conceals a cookie that is written out; a reference to one is none.
func literal(s string) string {
	if s == "" || strings.HasPrefix(s, "$") {
		return s
	}
	return secrets.Mark
}

// cookies are the values under that key in every Secret of the manifests, and under any key that says cookie.
func cookies(manifests []byte, key string) ([][]byte, error) {
	docs, err := documents(manifests)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, o := range docs {
		if o["kind"] != "Secret" {
			continue
		}
		for k, v := range dict(o["stringData"]) {
			if k == key || isCookie.MatchString(k) {
				all = append(all, []byte(text(v)))
			}
		}
		for k, v := range dict(o["data"]) {
			if k == key || isCookie.MatchString(k) {
				raw, err := base64.StdEncoding.DecodeString(text(v))
				if err != nil {
					raw = []byte(text(v)) // the API server will refuse it; until then it is nothing to show either
				}
				all = append(all, raw)
			}
		}
	}
	return all, nil
}

func dict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// podSpec is what an object says of the pods that it makes, nil where it makes none.
func podSpec(o map[string]any) map[string]any {
	return dict(dict(dict(o["spec"])["template"])["spec"])
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
