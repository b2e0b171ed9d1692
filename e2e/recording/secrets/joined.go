package secrets

import (
	"strings"
)

// tellable is the length from which a form is told from other text that happens to be the same.
const tellable = 8

// readableLetters is that length for a cookie of letters only when line breaks are ignored: two words at a line break may
// look like one.
const readableLetters = 16

// joined is s without its line breaks and what belongs to them, so that what a terminal, a log or an encoder has wrapped is in
// one piece. A line break may also be written as in JSON (\n, or \\n in a JSON string inside another) or XML (&#xA;).
func joined(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for {
		at := strings.IndexAny(s, "\n\r\\&")
		if at < 0 {
			b.WriteString(s)
			return b.String()
		}
		n := lineBreak(s[at:])
		if n == 0 {
			b.WriteString(s[:at+1])
			s = s[at+1:]
			continue
		}
		b.WriteString(strings.TrimRight(s[:at], " \t"))
		s = strings.TrimLeft(s[at+n:], " \t")
		s = s[logPrefix(s):]
	}
}

// lineBreak is the length of the line break at the beginning of s, 0 for none.
func lineBreak(s string) int {
	switch s[0] {
	case '\n', '\r':
		return 1
	case '\\':
		slashes := len(s) - len(strings.TrimLeft(s, `\`))
		if slashes < len(s) && strings.IndexByte("nrt", s[slashes]) >= 0 {
			return slashes + 1
		}
	case '&':
		for _, e := range []string{"&#xA;", "&#xD;", "&#x9;", "&#10;", "&#13;", "&#9;"} {
			if strings.HasPrefix(s, e) {
				return len(e)
			}
		}
	}
	return 0
}

// logPrefix is the length of what a container runtime writes before each piece of a long line: "TIME stdout F ".
func logPrefix(s string) int {
	const longestTime = 40
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0
	}
	space := strings.IndexByte(s[:min(len(s), longestTime)], ' ')
	for _, p := range []string{" stdout P ", " stdout F ", " stderr P ", " stderr F "} {
		if space > 0 && strings.HasPrefix(s[space:], p) {
			return space + len(p)
		}
	}
	return 0
}

var spaces = strings.NewReplacer(" ", "", "\t", "", `\`, "")

// dense is what is joined, without any space or backslash: lists of numbers and hex are grouped in many ways.
func dense(s string) string { return spaces.Replace(s) }

// joinedForms and denseForms are the forms that are long enough to be told when line breaks, or line breaks and spaces, are
// ignored. They are changed as the text is.
func joinedForms(all []form) (changed []form) {
	for _, f := range all {
		least := tellable
		if !strings.ContainsFunc(f.text, func(c rune) bool { return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') }) {
			least = readableLetters
		}
		f.text = joined(f.text)
		if f.plain && !f.word && len(f.text) >= least {
			changed = append(changed, f)
		}
	}
	return changed
}

func denseForms(all []form) (changed []form) {
	for _, f := range all {
		if f.text = dense(joined(f.text)); !f.plain && len(f.text) >= tellable {
			changed = append(changed, f)
		}
	}
	return changed
}
