package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"testing"
)

// wrap breaks text after that many columns.
func wrap(text string, columns int, lineBreak string) string {
	var b strings.Builder
	for len(text) > columns {
		b.WriteString(text[:columns] + lineBreak)
		text = text[columns:]
	}
	return b.String() + text
}

// broken are texts with the cookie in pieces.
func broken(c string) map[string]string {
	// The cookie lies where a line of 64 and one of 76 columns ends.
	inside := base64.StdEncoding.EncodeToString([]byte("# a file of arguments\n+K true\n-setcookie " + c + "\n-heart\n-kernel inet_dist_listen_min 10000\n"))
	colons := bytewise(c, "%02x", ":")
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint([]byte(c)), " ", ","), "[]")
	return map[string]string{
		"base64 at 64":         wrap(inside, 64, "\n"),
		"base64 at 76":         wrap(inside, 76, "\r\n"),
		"base64 at 16":         wrap(inside, 16, "\n"),
		"base64 in YAML":       "data:\n    x: |\n      " + wrap(inside, 64, "\n      "),
		"at a terminal's edge": "it has " + c[:9] + "\n" + c[9:] + ".",
		"indented":             "it has " + c[:9] + "\n\t\t " + c[9:] + ".",
		"a container's log":    "2026-11-28T19:00:51.123456789Z stdout P has " + c[:9] + "\n2026-11-28T19:00:51.123456790Z stdout F " + c[9:],
		"hex of openssl":       "priv:\n    " + wrap(colons, 15, "\n    ") + "\n",
		"hex in two lines":     wrap(hex.EncodeToString([]byte(c)), 16, "\n"),
		"hex of xxd":           "00000000: " + wrap(hex.EncodeToString([]byte(c)), 4, " "),
		"an Erlang list":       "[" + wrap(list, 19, "\n ") + "]",
		"an Elixir list":       "[" + strings.ReplaceAll(wrap(list, 20, "\n  "), ",", ", ") + "]",
	}
}

// What is broken by line breaks is found by the search, also where a line break is written as in JSON or XML. The text is not redacted.
func TestBrokenSecretsAreFound(t *testing.T) {
	for _, c := range []string{"a-cookie-of-some-length", "XYTWZLUSHVTQXLZOAUFE"} {
		for name, text := range broken(c) {
			j, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			twice, err := json.Marshal(string(j))
			if err != nil {
				t.Fatal(err)
			}
			var x strings.Builder
			if err = xml.EscapeText(&x, []byte(text)); err != nil {
				t.Fatal(err)
			}
			for how, text := range map[string]string{"": text, ", in JSON": string(j), ", in JSON in JSON": string(twice), ", in XML": x.String()} {
				found, err := leaks(t, map[string][]byte{"f": []byte(text)}, c)
				if err != nil || len(found) == 0 || !strings.Contains(found[0], "line") {
					t.Errorf("%s%s: found %v, %v in %q", name, how, found, err, text)
				}
			}
		}
	}
}

// Two words at the end and at the beginning of lines are no cookie, nor are two with a space between.
func TestWordsOfTwoLinesAreNoCookie(t *testing.T) {
	for c, text := range map[string]string{
		"clusters":            "of the cluster\nstarts",
		"test":                "complete state, complete\nstate",
		"erlangclustercookie": "the erlang cluster cookie",
		"s3cr":                "class3\ncr",
	} {
		if found, err := leaks(t, map[string][]byte{"f": []byte(text)}, c); err != nil || len(found) > 0 {
			t.Errorf("%s: found %v, %v", c, found, err)
		}
	}
}

// The search sees a broken secret wherever two of its buffers meet.
func TestBrokenAcrossBuffers(t *testing.T) {
	const c = "a-cookie-of-some-length"
	for shift := 0; shift < 120; shift += 7 {
		text := strings.Repeat("x", 1<<20-60+shift) + "\n" + wrap(bytewise(c, "%02x", ":"), 15, "\n      ") + strings.Repeat("y", 2<<20)
		if found, err := leaks(t, map[string][]byte{"f": []byte(text)}, c); err != nil || len(found) != 1 {
			t.Fatalf("shift %d: found %v, %v", shift, found, err)
		}
	}
}

// However a cookie is broken into lines, in base64 or as it is, the search finds it.
func FuzzBrokenSecrets(f *testing.F) {
	f.Add("a-cookie-of-some-length", uint8(7), "\n  ")
	f.Add("XYTWZLUSHVTQXLZOAUFE", uint8(1), "\\n")
	f.Add("0123456789abcdef", uint8(64), "&#xA;")
	f.Add(`a\nb\\c & "d" e`, uint8(3), "\r\n\t")
	f.Fuzz(func(t *testing.T, c string, columns uint8, lineBreak string) {
		c = strings.TrimSpace(c)
		if len(c) < readableLetters || len(c) > maxNear || columns == 0 || lineBreak == "" || joined(lineBreak) != "" || joined(c) != c || strings.ContainsAny(c, " \t\\&") {
			t.Skip()
		}
		s := guarding(c).search()
		for _, text := range []string{wrap(c, int(columns), lineBreak), wrap(base64.StdEncoding.EncodeToString([]byte(c)), int(columns), lineBreak)} {
			s.found = nil
			if s.chunk("before "+text+" after", ""); len(s.found) == 0 {
				t.Errorf("%q in lines of %d, broken by %q, is not found in %q", c, columns, lineBreak, text)
			}
		}
	})
}
