package agent

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

// TokenHash is the variable in which an agent gets the SHA-256 of its run's token, in hexadecimal digits. Whoever reads the
// DaemonSet learns the hash only, and an agent accepts nothing but the token itself.
const TokenHash = "MESHPROOF_TOKEN_SHA256"

// Token is the secret of one run. Each request to an agent must have it: not everybody who may open a port-forward in the
// cluster may make a privileged pod dial, disturb and kill. It prints as "(token)", also as a part of something else, for
// which it is behind a pointer. The zero value is none.
type Token struct{ text *string }

// NewToken returns a new random token.
func NewToken() Token {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	text := hex.EncodeToString(b[:])
	return Token{&text}
}

// String, GoString and MarshalText keep the token out of messages and files.
func (t Token) String() string { return "(token)" }

// GoString is String, for %#v.
func (t Token) GoString() string { return t.String() }

// MarshalText is String, for encoders.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// Reveal is the token itself, for whoever has to redact it.
func (t Token) Reveal() []byte {
	if t.text == nil {
		return nil
	}
	return []byte(*t.text)
}

// Hash is what the agents of the run are given, "" without a token.
func (t Token) Hash() string {
	if t.text == nil {
		return ""
	}
	sum := sha256.Sum256(t.Reveal())
	return hex.EncodeToString(sum[:])
}

const bearer = "Bearer "

// Authorization is the header of a request with the token.
func (t Token) Authorization() string { return bearer + string(t.Reveal()) }

// Gate decides who may use the API.
type Gate struct{ hash [sha256.Size]byte }

// NewGate returns the gate for the token with that hash. Without a hash there is none: an agent does not serve everybody.
func NewGate(hash string) (Gate, error) {
	var g Gate
	b, err := hex.DecodeString(hash)
	if err != nil || len(b) != len(g.hash) {
		return g, errors.New("the variable " + TokenHash + " is not the SHA-256 of a token; the harness sets it")
	}
	copy(g.hash[:], b)
	return g, nil
}

// Admits reports whether the header is that of the token. It takes the same time for every wrong one.
func (g Gate) Admits(authorization string) bool {
	token, is := strings.CutPrefix(authorization, bearer)
	sum := sha256.Sum256([]byte(token))
	return is && subtle.ConstantTimeCompare(sum[:], g.hash[:]) == 1
}
