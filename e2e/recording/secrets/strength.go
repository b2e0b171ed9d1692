package secrets

import (
	"bytes"
	"math"
	"slices"
	"unicode"
)

// How well a cookie can be guessed by who tries words, or all texts one after the other.
const (
	Word   = "word"   // it is a common word
	Short  = "short"  // all texts of its length and its kind of characters can be tried
	Strong = "strong" // neither
)

// enough is how many bits nobody tries.
const enough = 64

// Strength says of a guarded cookie how well it can be guessed; "" for any other text.
func (r *Redactor) Strength(cookie []byte) string {
	trimmed := bytes.TrimSpace(cookie)
	r.mu.Lock()
	known := slices.ContainsFunc(r.secrets, func(g guarded) bool { return g.cookie != "" && g.cookie == string(trimmed) })
	r.mu.Unlock()
	switch {
	case !known:
		return ""
	case r.Common(trimmed):
		return Word
	case bits(trimmed) < enough:
		return Short
	}
	return Strong
}

// bits estimates how many texts there are of that length with the same kinds of characters, as a power of two. Words that follow
// each other have less than that.
func bits(text []byte) float64 {
	var lower, upper, digits, others int
	for _, c := range string(text) {
		switch {
		case unicode.IsLower(c):
			lower = 26
		case unicode.IsUpper(c):
			upper = 26
		case unicode.IsDigit(c):
			digits = 10
		default:
			others = 32
		}
	}
	return float64(len(text)) * math.Log2(float64(lower+upper+digits+others))
}
