package profile

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rules are what the tag rule of a field requires: words and NAME=VALUE, separated by commas.
//
//	required      the key is present and its value is not empty
//	one=GROUP     exactly one of the fields of this group is present
//	min=N, max=N  of a number
//	filled        no value of the map is empty
//	label         a DNS label, as the name of a namespace is
//	variables     the keys of the map are names of environment variables
type rules map[string]string

func rulesOf(f reflect.StructField) rules {
	r := rules{}
	for _, word := range strings.Split(f.Tag.Get("rule"), ",") {
		name, value, _ := strings.Cut(word, "=")
		r[name] = value
	}
	return r
}

func (r rules) has(name string) bool { _, is := r[name]; return is }

func (r rules) number(name string) int {
	n, _ := strconv.Atoi(r[name])
	return n
}

// The patterns of the rules label and variables; the schema has the same.
const (
	labelPattern    = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
	variablePattern = "^[-._a-zA-Z][-._a-zA-Z0-9]*$"
)

var (
	dnsLabel = regexp.MustCompile(labelPattern)
	variable = regexp.MustCompile(variablePattern)
	index    = regexp.MustCompile(`\[\d+\]`)
)

// worded is a type whose values are a fixed set of words.
type worded interface{ words() []string }

var texts = reflect.TypeFor[encoding.TextUnmarshaler]()

// reader compares a document with the type into which it is decoded.
type reader struct {
	path string
	root reflect.Type
	// missing is the first required key that is absent. It is reported last: mostly the key is misspelt or in another place,
	// and an error about that helps more.
	missing error
}

// place is the position of a value in the document, and the type into which it is decoded.
type place struct {
	t     reflect.Type
	key   string // "spec.images[0].name"; "" for the root
	line  int    // of the key
	rules rules
}

func (p place) in(name string) string {
	if p.key == "" {
		return name
	}
	return p.key + "." + name
}

func (p place) or(root string) string {
	if p.key == "" {
		return root
	}
	return p.key
}

func (r *reader) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", r.path, line, fmt.Sprintf(format, args...))
}

// empty reports whether a value is empty: then its key counts as absent.
func empty(n *yaml.Node) bool {
	n = target(n)
	return n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!null" || n.Value == "") || n.Kind != yaml.ScalarNode && len(n.Content) == 0
}

// found describes a value of the wrong type.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		if empty(n) {
			return "empty"
		}
		return strconv.Quote(n.Value)
	}
}

func (r *reader) value(n *yaml.Node, p place) error {
	n = target(n)
	if n.ShortTag() == "!!null" {
		return nil
	}
	scalar := n.Kind == yaml.ScalarNode
	if reflect.PointerTo(p.t).Implements(texts) {
		if !scalar {
			return r.errorf(p.line, "%s is %s; it must be a duration such as 10s or 1m30s", p.key, found(n))
		}
		u, _ := reflect.New(p.t).Interface().(encoding.TextUnmarshaler)
		if err := u.UnmarshalText([]byte(n.Value)); err != nil {
			return r.errorf(p.line, "%s: %v", p.key, err)
		}
		return nil
	}
	switch p.t.Kind() {
	case reflect.Struct:
		return r.fields(n, p)
	case reflect.Map:
		return r.pairs(n, p)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return r.errorf(p.line, "%s is %s; it must be a list, [A, B] or lines that begin with -", p.key, found(n))
		}
		for i, item := range n.Content {
			if err := r.value(item, place{t: p.t.Elem(), key: fmt.Sprintf("%s[%d]", p.key, i), line: item.Line}); err != nil {
				return err
			}
		}
	case reflect.Bool:
		if !scalar || n.ShortTag() != "!!bool" {
			return r.errorf(p.line, "%s is %s; it must be true or false", p.key, found(n))
		}
	case reflect.Int:
		return r.number(n, p)
	default:
		return r.text(n, p)
	}
	return nil
}

func (r *reader) number(n *yaml.Node, p place) error {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil {
		return r.errorf(p.line, "%s is %s; it must be a whole number", p.key, found(n))
	}
	if p.rules.has("min") && (v < p.rules.number("min") || v > p.rules.number("max")) {
		return r.errorf(p.line, "%s is %d; it must be %d to %d", p.key, v, p.rules.number("min"), p.rules.number("max"))
	}
	return nil
}

func (r *reader) text(n *yaml.Node, p place) error {
	if n.Kind != yaml.ScalarNode {
		return r.errorf(p.line, "%s is %s; it must be text", p.key, found(n))
	}
	if w, is := reflect.Zero(p.t).Interface().(worded); is && !slices.Contains(w.words(), n.Value) {
		return r.errorf(p.line, "%s is %s; it must be one of %s%s", p.key, found(n), strings.Join(w.words(), ", "), Meant(n.Value, w.words()))
	}
	if p.rules.has("label") && n.Value != "" && !dnsLabel.MatchString(n.Value) {
		return r.errorf(p.line, "%s is %q, which is not a valid namespace name: use at most 63 lower-case letters, digits and -, and no - at either end", p.key, n.Value)
	}
	return nil
}

// once returns an error if the mapping has this key already.
func (r *reader) once(k *yaml.Node, seen map[string]int) error {
	if first, twice := seen[k.Value]; twice {
		return r.errorf(k.Line, "key %q occurs twice, first in line %d: remove one of them", k.Value, first)
	}
	seen[k.Value] = k.Line
	return nil
}

func (r *reader) pairs(n *yaml.Node, p place) error {
	if n.Kind != yaml.MappingNode {
		return r.errorf(p.line, "%s is %s; it must be a mapping, lines of KEY: VALUE", p.key, found(n))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if err := r.once(k, seen); err != nil {
			return err
		}
		if p.rules.has("variables") && !variable.MatchString(k.Value) {
			return r.errorf(k.Line, "%s: %q is not a valid name of an environment variable: use letters, digits, _, - and ., and no digit at the beginning", p.key, k.Value)
		}
		if p.rules.has("filled") && empty(v) {
			return r.errorf(k.Line, "%s: %s needs a reason, which the report shows", p.key, k.Value)
		}
		if err := r.value(v, place{t: p.t.Elem(), key: p.in(k.Value), line: k.Line}); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) fields(n *yaml.Node, p place) error {
	if n.Kind != yaml.MappingNode {
		return r.errorf(p.line, "%s is %s; it must be a mapping, lines of KEY: VALUE, with the keys %s", p.key, found(n), strings.Join(keys(p.t), ", "))
	}
	seen, said := map[string]int{}, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if err := r.once(k, seen); err != nil {
			return err
		}
		f, known := field(p.t, k.Value)
		if !known {
			return r.unknown(k, p)
		}
		said[k.Value] = !empty(v)
		if err := r.value(v, place{f.Type, p.in(k.Value), k.Line, rulesOf(f)}); err != nil {
			return err
		}
	}
	if r.missing == nil {
		r.missing = r.complete(p, said)
	}
	return nil
}

// complete returns an error if a required key is absent.
func (r *reader) complete(p place, said map[string]bool) error {
	groups := map[string][]string{}
	for _, name := range keys(p.t) {
		f, _ := field(p.t, name)
		asked := rulesOf(f)
		if asked.has("required") && !said[name] {
			return r.errorf(p.line, "%s is missing%s", p.in(name), why(p.in(name)))
		}
		if g := asked["one"]; g != "" {
			groups[g] = append(groups[g], name)
		}
	}
	for _, name := range keys(p.t) {
		f, _ := field(p.t, name)
		all := groups[rulesOf(f)["one"]]
		if len(all) == 0 || all[0] != name {
			continue
		}
		var have []string
		for _, other := range all {
			if said[other] {
				have = append(have, other)
			}
		}
		switch {
		case len(have) == 0:
			return r.errorf(p.line, "%s has none of %s; exactly one is required%s", p.key, strings.Join(all, ", "), why(p.in(name)))
		case len(have) > 1:
			return r.errorf(p.line, "%s has %s; exactly one of %s is allowed", p.key, strings.Join(have, " and "), strings.Join(all, ", "))
		}
	}
	return nil
}

// why says why a key is required, and what to write.
func why(key string) string {
	switch index.ReplaceAllString(key, "[]") {
	case "metadata":
		return ": write metadata: {name: …}"
	case "metadata.name":
		return ": reports and namespaces are named after it"
	case "spec":
		return ": it says what to deploy"
	case "spec.manifests":
		return ": there is nothing to deploy"
	case "spec.cookie", "spec.cookie.secretKeyRef", "spec.cookie.secretKeyRef.name", "spec.cookie.secretKeyRef.key":
		return ": without the cookie the harness cannot connect to the nodes; write cookie: {secretKeyRef: {name: …, key: …}} with a Secret of the manifests"
	case "spec.images[].name":
		return ": it is the image's name in the manifests"
	case "spec.images[].build":
		return ": it says where the image comes from"
	case "spec.console[].run":
		return ": it is the command to run, for example [/opt/shop/bin/shop, ping]"
	case "spec.console[].expect":
		return ": set the text that the output must contain, or the command cannot be judged"
	}
	return ""
}

// unknown is the error about an unknown key, with a suggestion.
func (r *reader) unknown(k *yaml.Node, p place) error {
	here := keys(p.t)
	if _, by := nearest(k.Value, here); by > 1 {
		if there := homes(r.root, k.Value); len(there) > 0 {
			return r.errorf(k.Line, "unknown key %q in %s; it belongs in %s: check its indentation", k.Value, p.or("the top level of the file"), strings.Join(there, " or "))
		}
	}
	if m := Meant(k.Value, here); m != "" {
		return r.errorf(k.Line, "unknown key %q%s", k.Value, m)
	}
	return r.errorf(k.Line, "unknown key %q in %s; its keys are %s", k.Value, p.or("the top level of the file"), strings.Join(here, ", "))
}

// homes lists the mappings of t that have the key.
func homes(t reflect.Type, key string) []string {
	var all []string
	for _, path := range paths(t, "") {
		if at, is := strings.CutSuffix("."+path, "."+key); is {
			all = append(all, place{key: strings.TrimPrefix(at, ".")}.or("the top level of the file"))
		}
	}
	return all
}

// paths are the keys of t at any depth, "spec.images[].name".
func paths(t reflect.Type, at string) []string {
	for t.Kind() == reflect.Slice {
		t, at = t.Elem(), at+"[]"
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var all []string
	for _, name := range keys(t) {
		f, _ := field(t, name)
		all = append(append(all, place{key: at}.in(name)), paths(f.Type, place{key: at}.in(name))...)
	}
	return all
}

// keys lists the keys of the YAML form of the struct t.
func keys(t reflect.Type) []string {
	var all []string
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name != "" && name != "-" {
			all = append(all, name)
		}
	}
	return all
}

// field is the field of the struct t that has this key.
func field(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); name == key && name != "" {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}
