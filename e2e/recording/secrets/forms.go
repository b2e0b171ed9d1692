// Package secrets redacts cookies in text, and searches the files of a run for one that was missed. Both use the same forms: a
// cookie as it is; encoded as base64, hex, escapes, numbers and JSON; and its digests. The search also finds what is broken
// by line breaks and spaces, and looks into archives.
//
// In: cookies, keys, text, folders. Out: the text without them; the files that contain one and its form there, never its value. It
// imports nothing of ours.
package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"
)

// Mark replaces a cookie.
const Mark = "(cookie)"

// shortest is the length from which a cookie is redacted everywhere. A shorter one is part of other words, and no line would stay
// readable: it is redacted only after the word cookie. Its digests are redacted everywhere all the same.
const shortest = 4

// form is one way in which a secret may be written.
type form struct {
	name, text string
	plain      bool // as readable as the secret itself: other text may contain it by chance
	word       bool // part of a longer public word: only where it is a word of its own it is the secret
}

// forms collects the ways in which a secret may be written, each text once.
type forms struct {
	all  []form
	seen map[string]bool
}

func (f *forms) add(name, text string) { f.put(form{name: name, text: text}) }

func (f *forms) put(one form) {
	if one.text == "" || f.seen[one.text] {
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[one.text] = true
	f.all = append(f.all, one)
}

// cookie adds the forms of a cookie and of what is left of it without the white space at its ends (a Secret made from a file
// often has a newline too much, which no log shows).
func (f *forms) cookie(secret []byte) {
	trimmed := bytes.TrimSpace(secret)
	f.digests(trimmed, secret, append(bytes.Clone(trimmed), '\n'))
	if len(trimmed) < shortest {
		return
	}
	f.text(trimmed)
	f.separated(trimmed)
	f.base64("untrimmed, ", secret) // the other forms of the untrimmed one hold those of the trimmed one
}

// text adds the forms in which programs print a text.
func (f *forms) text(v []byte) {
	f.readable(v)
	f.hex(v)
	f.numbers("", v)
	f.base64("", v)
}

func (f *forms) readable(v []byte) {
	plain := func(name, text string) { f.put(form{name: name, text: text, plain: true}) }
	plain("as it is", string(v))
	plain("URL-escaped", url.QueryEscape(string(v)))
	plain("URL-escaped", url.PathEscape(string(v)))
	for _, html := range []bool{true, false} {
		plain("as a JSON string", jsonString(v, html))
	}
	plain("as an Erlang atom", strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(string(v)))
	var b strings.Builder
	if xml.EscapeText(&b, v) == nil {
		plain("as XML text", b.String())
	}
}

func (f *forms) hex(v []byte) {
	f.add("hex", hex.EncodeToString(v))
	f.add("hex in capitals", strings.ToUpper(hex.EncodeToString(v)))
}

// separated adds hex with something before or between the bytes: openssl, hexdump and strings with every byte escaped.
func (f *forms) separated(v []byte) {
	f.colons("", v)
	for _, s := range []struct{ name, before, between string }{
		{"hex with spaces", "", " "}, {"hex with dashes", "", "-"},
		{"hex with 0x", "0x", ","}, {"hex with 0x", "0x", ", "}, {"hex with 0x", "0x", " "},
		{`hex with \x`, `\x`, ""}, {`hex with \u`, `\u00`, ""}, {"URL-escaped byte by byte", "%", ""},
	} {
		f.bytewise(s.name, s.before, s.between, v)
	}
}

func (f *forms) colons(what string, v []byte) { f.bytewise(what+"hex with colons", "", ":", v) }

// bytewise adds the hex of each byte with before in front of it and between it and the next.
func (f *forms) bytewise(name, before, between string, v []byte) {
	small := hex.EncodeToString(v)
	for _, digits := range []string{small, strings.ToUpper(small)} {
		var b strings.Builder
		for i := 0; i < len(digits); i += 2 {
			if i > 0 {
				b.WriteString(between)
			}
			b.WriteString(before + digits[i:i+2])
		}
		f.add(name, b.String())
	}
}

// numbers adds a list or a binary as numbers: ~w of Erlang, inspect of Elixir, %v of Go and the like.
func (f *forms) numbers(what string, v []byte) {
	for _, comma := range []string{",", ", ", " "} {
		var all []string
		for _, b := range v {
			all = append(all, strconv.Itoa(int(b)))
		}
		f.add(what+"as a list of numbers", strings.Join(all, comma))
	}
}

func (f *forms) base64(what string, v []byte) {
	f.wholeBase64(what, v)
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			f.add(what+"base64 inside a longer text", inside(e, v, before))
		}
	}
}

func (f *forms) wholeBase64(what string, v []byte) {
	f.add(what+"base64", base64.StdEncoding.EncodeToString(v))
	f.add(what+"base64 without padding", base64.RawStdEncoding.EncodeToString(v))
	f.add(what+"base64 for URLs", base64.URLEncoding.EncodeToString(v))
	f.add(what+"base64 for URLs without padding", base64.RawURLEncoding.EncodeToString(v))
}

// inside is what stays the same of v in base64 where that many bytes more or less than a multiple of three stand before
// it. What is too short to be told from other base64 is none.
func inside(e *base64.Encoding, v []byte, before int) string {
	text := e.EncodeToString(append(make([]byte, before), v...))
	first := (before*8 + 5) / 6      // the first digit that is v's alone
	end := (before + len(v)) * 8 / 6 // the digits after it depend on what follows
	if end-first < tellable {
		return ""
	}
	return text[first:end]
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
