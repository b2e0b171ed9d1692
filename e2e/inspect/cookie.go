package inspect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
)

// CookieSource is where the cookie is; the zero value is none. The cookie itself is never an argument, which others could read.
type CookieSource struct {
	Secret, Key string
	File        string
	Prompt      func() ([]byte, error) // asks the user
}

// ParseCookieSource reads "secret/NAME:KEY", "file:PATH" or "prompt". The error has code Usage, and not what was given.
func ParseCookieSource(text string, prompt func() ([]byte, error)) (s CookieSource, err error) {
	kind, rest, _ := strings.Cut(text, ":")
	name, isSecret := strings.CutPrefix(kind, "secret/")
	switch {
	case text == "":
	case text == "prompt":
		s.Prompt = prompt
	case kind == "file" && rest != "":
		s.File = rest
	case isSecret && name != "" && rest != "":
		s.Secret, s.Key = name, rest
	default:
		// What was given may be the cookie.
		err = exitcode.With(exitcode.Usage, errors.New("--cookie-from names no place: it must be one of secret/NAME:KEY, file:PATH or prompt"))
	}
	return s, err
}

// Given reports whether there is a cookie.
func (s CookieSource) Given() bool { return s.Secret != "" || s.File != "" || s.Prompt != nil }

// read gets the cookie. Only the named Secret is read.
func (s CookieSource) read(ctx context.Context, o Options) (cookie []byte, err error) {
	switch {
	case s.Secret != "":
		secret, bad := o.Client.CoreV1().Secrets(o.Namespace).Get(ctx, s.Secret, metav1.GetOptions{})
		if bad != nil {
			return nil, exitcode.With(exitcode.Unavailable, fmt.Errorf("the cookie: %w", bad))
		}
		var there bool
		if cookie, there = secret.Data[s.Key]; !there {
			return nil, exitcode.With(exitcode.Usage, fmt.Errorf("the cookie: Secret %s has no key %s", s.Secret, s.Key))
		}
	case s.File != "":
		if cookie, err = files.Read(s.File); err != nil {
			return nil, exitcode.With(exitcode.Usage, fmt.Errorf("the cookie: %w", err))
		}
	case s.Prompt != nil:
		if cookie, err = s.Prompt(); err != nil {
			return nil, exitcode.With(exitcode.Usage, fmt.Errorf("the cookie: %w", err))
		}
	}
	const most = 255 // of an atom
	if n := len(strings.TrimSpace(string(cookie))); n == 0 || n > most {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("the cookie has %d bytes: it must be 1 to %d", n, most))
	}
	return cookie, nil
}
