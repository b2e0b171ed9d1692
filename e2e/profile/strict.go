package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// unknownField is how yaml.v3 words a key that the type does not have.
var unknownField = regexp.MustCompile(`line (\d+): field (\S+) not found in type \S+`)

// strict decodes one YAML document into v and refuses unknown keys, naming the nearest known one: a
// misspelt key that is silently ignored is a check that silently does not run.
func strict(path string, data []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	err := d.Decode(v)
	var te *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the file is empty", path)
	case errors.As(err, &te):
		m := unknownField.FindStringSubmatch(te.Errors[0])
		if m == nil {
			return At(path, errors.New(te.Errors[0]))
		}
		return fmt.Errorf("%s:%s: unknown key %q%s", path, m[1], m[2], nearest(m[2], keys(reflect.TypeOf(v))))
	case err != nil:
		return At(path, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: more than one YAML document", path)
	}
	return nil
}

// yamlLine is how yaml.v3 names the place of an error.
var yamlLine = regexp.MustCompile(`(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): `)

// At is an error of yaml.v3 about the file at path, with the line where editors look for it: "FILE:LINE: what is wrong".
func At(path string, err error) error {
	text := err.Error()
	m := yamlLine.FindStringSubmatchIndex(text)
	if m == nil {
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(text, "yaml: "))
	}
	return fmt.Errorf("%s:%s: %s", path, text[m[2]:m[3]], text[:m[0]]+text[m[1]:])
}

func kind(path, apiVersion, got, want string) error {
	if apiVersion != APIVersion || got != want {
		return fmt.Errorf("%s: apiVersion %q, kind %q; want %q, %q", path, apiVersion, got, APIVersion, want)
	}
	return nil
}

// keys lists all keys that the YAML form of t knows, at any depth.
func keys(t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var all []string
	for f := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(f).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		all = append(append(all, name), keys(t.Field(f).Type)...)
	}
	return all
}

func nearest(word string, known []string) string {
	best, at := "", len(word)/2+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diag
			if a[i-1] != b[j-1] {
				cost++
			}
			diag = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
