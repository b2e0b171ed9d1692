package erldist

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// redacted is what a Cookie prints as.
const redacted = "redacted"

// Cookie is a distribution cookie. However it is printed, marshalled or dumped, its value does not show: it is held by
// a function, because fmt prints the unexported fields of a struct without asking their methods.
type Cookie struct{ reveal func() string }

// NewCookie takes the cookie's bytes as they are: a trailing newline is part of it.
func NewCookie(b []byte) Cookie {
	s := string(b)
	return Cookie{func() string { return s }}
}

func (c Cookie) value() string {
	if c.reveal == nil {
		return ""
	}
	return c.reveal()
}

// Trimmed gives the cookie without white space at its ends, and whether that is another one. A Secret made by
// `echo … | base64` ends in a newline that a VM reading the cookie from a file drops and one reading it from the
// environment keeps.
func (c Cookie) Trimmed() (trimmed Cookie, changed bool) {
	s := strings.TrimSpace(c.value())
	return NewCookie([]byte(s)), s != c.value()
}

// Equal reports whether both are the same cookie, in a time that does not depend on where they differ.
func (c Cookie) Equal(other Cookie) bool {
	return subtle.ConstantTimeCompare([]byte(c.value()), []byte(other.value())) == 1
}

// Empty reports whether the cookie has no bytes. A VM takes no empty cookie.
func (c Cookie) Empty() bool { return c.value() == "" }

// String gives "redacted".
func (Cookie) String() string { return redacted }

// GoString gives "redacted".
func (Cookie) GoString() string { return redacted }

// Format prints "redacted" for every verb and flag.
func (Cookie) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText gives "redacted"; JSON, XML and YAML encoders use it.
func (Cookie) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON gives "redacted" as a JSON string.
func (Cookie) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue gives "redacted" to slog.
func (Cookie) LogValue() slog.Value { return slog.StringValue(redacted) }
