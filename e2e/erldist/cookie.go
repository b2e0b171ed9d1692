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

// Cookie is a distribution cookie. Its value does not appear when it is printed, marshalled or dumped. It is stored in a
// function, because fmt prints unexported fields of a struct without calling their methods.
type Cookie struct{ reveal func() string }

// NewCookie returns a cookie of exactly these bytes: a trailing newline is part of it.
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

// Trimmed returns the cookie without white space at its ends, and whether that changed it. A Kubernetes Secret made with
// `echo … | base64` ends in a newline. A VM that reads the cookie from a file drops it; one that reads it from the
// environment keeps it.
func (c Cookie) Trimmed() (trimmed Cookie, changed bool) {
	s := strings.TrimSpace(c.value())
	return NewCookie([]byte(s)), s != c.value()
}

// Equal reports whether both are the same cookie, in constant time.
func (c Cookie) Equal(other Cookie) bool {
	return subtle.ConstantTimeCompare([]byte(c.value()), []byte(other.value())) == 1
}

// Empty reports whether the cookie has no bytes. A VM accepts no empty cookie.
func (c Cookie) Empty() bool { return c.value() == "" }

// String returns "redacted".
func (Cookie) String() string { return redacted }

// GoString returns "redacted".
func (Cookie) GoString() string { return redacted }

// Format prints "redacted" for every verb and flag.
func (Cookie) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText returns "redacted"; JSON, XML and YAML encoders use it.
func (Cookie) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "redacted" as a JSON string.
func (Cookie) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "redacted" to slog.
func (Cookie) LogValue() slog.Value { return slog.StringValue(redacted) }
