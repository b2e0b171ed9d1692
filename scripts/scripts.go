// Package scripts holds the pins of everything that is not a Go module of ours: versions of Kubernetes, of the
// base systems, digests of images, names of Debian packages. They lie in versions.env, which the builders'
// Makefiles include, so that Go and make read the same file.
//
// In: nothing. Out: the file's keys and values. It imports nothing of ours.
package scripts

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed versions.env
var versionsEnv string

// Versions are the pins by key.
type Versions map[string]string

// Load reads the pins this program was built with. An error means that versions.env is not well-formed.
func Load() (Versions, error) { return Parse("scripts/versions.env", versionsEnv) }

// Get returns the value of a key, or an error that names the key when it is missing or empty.
func (v Versions) Get(key string) (string, error) {
	if s := v[key]; s != "" {
		return s, nil
	}
	return "", fmt.Errorf("scripts/versions.env has no value for %s", key)
}

// Words splits a value at white space, as for a list of packages. A missing key has no words.
func (v Versions) Words(key string) []string { return strings.Fields(v[key]) }

// One line of versions.env. make, a POSIX shell and Go must read the same value, so what one of them treats
// specially ($, #, quotes, backslash) is not allowed in it.
var (
	keyForm   = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	valueForm = regexp.MustCompile(`^[A-Za-z0-9._:/@+,=~-]+( [A-Za-z0-9._:/@+,=~-]+)*$`)
)

// Parse reads lines of the form KEY=value; empty lines and lines that start with # say nothing. All else is an
// error with path and line: a key twice, a quoted value, white space around the equals sign.
func Parse(path, text string) (Versions, error) {
	v := Versions{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		switch {
		case !ok || !keyForm.MatchString(key):
			return nil, fmt.Errorf("%s:%d: %q is not KEY=value", path, i+1, line)
		case !valueForm.MatchString(value):
			return nil, fmt.Errorf("%s:%d: value %q of %s is empty or has a character that make, a shell and Go read differently", path, i+1, value, key)
		}
		if _, twice := v[key]; twice {
			return nil, fmt.Errorf("%s:%d: %s is given twice", path, i+1, key)
		}
		v[key] = value
	}
	return v, nil
}
