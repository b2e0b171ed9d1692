// Package scripts has the pins of everything that is not a Go module: versions of Kubernetes and of the base systems,
// digests of images, names of Debian packages. They are in versions.env, which the builders' Makefiles include, too.
//
// In: nothing. Out: the file's keys and values. It imports nothing of ours.
package scripts

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed versions.env
var versionsEnv string

// Versions are the pins by key.
type Versions map[string]string

// Load returns the pins with which this program was built. The error is set if versions.env is not well-formed.
func Load() (Versions, error) { return Parse("scripts/versions.env", versionsEnv) }

// Releases are the OTP releases with pins.
func (v Versions) Releases() []string {
	var all []string
	for otp := 20; otp < 100; otp++ {
		if v[fmt.Sprintf("OTP_%d_SUITE", otp)] != "" {
			all = append(all, fmt.Sprint(otp))
		}
	}
	return all
}

// Kubernetes are the versions of which a cluster can be made: the default one, and those of the other node images.
func (v Versions) Kubernetes() []string {
	all := []string{v["K8S"]}
	for key, image := range v {
		if strings.HasPrefix(key, "NODE_IMAGE_") {
			ref, _, _ := strings.Cut(image, "@")
			all = append(all, ref[strings.LastIndex(ref, ":")+1:])
		}
	}
	slices.Sort(all)
	return all
}

// Get returns the value of a key, or an error with the key if it is missing or empty.
func (v Versions) Get(key string) (string, error) {
	if s := v[key]; s != "" {
		return s, nil
	}
	return "", fmt.Errorf("scripts/versions.env has no value for %s", key)
}

// Words splits a value at white space, as for a list of packages. A missing key has no words.
func (v Versions) Words(key string) []string { return strings.Fields(v[key]) }

// The form of a line of versions.env. make, a POSIX shell and Go must read the same value, so characters that are special
// in one of them ($, #, quotes, backslash) are not allowed.
var (
	keyForm   = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	valueForm = regexp.MustCompile(`^[A-Za-z0-9._:/@+,=~-]+( [A-Za-z0-9._:/@+,=~-]+)*$`)
)

// Parse parses lines of the form KEY=value. It skips empty lines and lines that start with #. Anything else is an error
// with path and line: a repeated key, a quoted value, white space around the equals sign.
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
			return nil, fmt.Errorf("%s:%d: %s is already set above", path, i+1, key)
		}
		v[key] = value
	}
	return v, nil
}
