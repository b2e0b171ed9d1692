// Package secrets redacts cookies in text, and searches the files of a run for one that was missed. Both use the same forms: a
// cookie as it is, and encoded as base64, hex, escapes, numbers and JSON.
//
// In: cookies, text, folders. Out: the text without them; the files that contain one and its form there, never its value. It
// imports nothing of ours.
package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mark replaces a cookie.
const Mark = "(cookie)"

// shortest is the length from which a cookie is redacted everywhere. A shorter one is part of other words, and no line would stay
// readable: it is redacted only after the word cookie.
const shortest = 4

// form is one way in which a secret may be written.
type form struct{ name, text string }

// forms are those of a secret and of what is left of it without the white space at its ends (a Secret made from a file
// often has a newline too much, which no log shows), longest first, since one may hold another.
func forms(secret []byte) []form {
	trimmed := bytes.TrimSpace(secret)
	if len(trimmed) < shortest {
		return nil
	}
	var all []form
	add := func(name, text string) {
		if text != "" && !slices.ContainsFunc(all, func(f form) bool { return f.text == text }) {
			all = append(all, form{name, text})
		}
	}
	written(add, trimmed)
	inBase64(add, "", trimmed)
	inBase64(add, "untrimmed, ", secret) // the other forms of the untrimmed one hold those of the trimmed one
	slices.SortStableFunc(all, func(a, b form) int { return len(b.text) - len(a.text) })
	return all
}

func inBase64(add func(name, text string), what string, v []byte) {
	add(what+"base64", base64.StdEncoding.EncodeToString(v))
	add(what+"base64 without padding", base64.RawStdEncoding.EncodeToString(v))
	add(what+"base64 for URLs", base64.URLEncoding.EncodeToString(v))
	add(what+"base64 for URLs without padding", base64.RawURLEncoding.EncodeToString(v))
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			add(what+"base64 inside a longer text", inside(e, v, before))
		}
	}
}

func written(add func(name, text string), v []byte) {
	add("as it is", string(v))
	add("hex", hex.EncodeToString(v))
	add("hex in capitals", strings.ToUpper(hex.EncodeToString(v)))
	add("URL-escaped", url.QueryEscape(string(v)))
	add("URL-escaped", url.PathEscape(string(v)))
	// ~w of Erlang, inspect of Elixir, %v of Go and the like: a list or a binary as numbers.
	for _, comma := range []string{",", ", ", " "} {
		add("as a list of numbers", numbers(v, comma))
	}
	for _, html := range []bool{true, false} {
		add("as a JSON string", jsonString(v, html))
	}
	add("as an Erlang atom", strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(string(v)))
	var b strings.Builder
	if xml.EscapeText(&b, v) == nil {
		add("as XML text", b.String())
	}
}

// inside is what stays the same of v in base64 where that many bytes more or less than a multiple of three stand before
// it. What is too short to be told from other base64 is none.
func inside(e *base64.Encoding, v []byte, before int) string {
	const tellable = 8
	text := e.EncodeToString(append(make([]byte, before), v...))
	first := (before*8 + 5) / 6      // the first digit that is v's alone
	end := (before + len(v)) * 8 / 6 // the digits after it depend on what follows
	if end-first < tellable {
		return ""
	}
	return text[first:end]
}

func numbers(v []byte, comma string) string {
	var all []string
	for _, b := range v {
		all = append(all, strconv.Itoa(int(b)))
	}
	return strings.Join(all, comma)
}

// jsonString is v as it stands between the quotes of a JSON string.
func jsonString(v []byte, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if e.Encode(string(v)) != nil {
		return ""
	}
	s := strings.TrimSpace(b.String())
	return s[1 : len(s)-1]
}
