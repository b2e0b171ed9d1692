package secrets

import (
	"regexp"
	"strings"
)

// maxNear is the length of a cookie: an atom has 255 bytes at most.
const maxNear = 255

// nearLead is the longest that may stand between the beginning of the flag or name and the cookie.
const nearLead = 64

// near is a cookie that is too short or too common a word to be looked for everywhere: it is one where it stands as one, after
// the word cookie.
type near struct {
	secret string
	after  *regexp.Regexp
}

// newNear matches "cookie abc", "cookie: abc", "cookie=abc", "cookie":"abc", the last also inside a JSON string, {cookie,abc} and
// "name":"X_COOKIE","value":"abc". The match begins with the word cookie.
func newNear(secret string) near {
	const (
		quote     = `\\*["']`
		value     = `(?:` + quote + `?[,\s]{1,2}` + quote + `?value)?`
		separator = `(?:[\s=:,>(]{1,4}|` + quote + `\s?[=:,>][\s=:,>]{0,3})`
	)
	return near{secret, regexp.MustCompile(`^(?i:cookie` + value + separator + `(?:` + quote + `)?)` + regexp.QuoteMeta(secret))}
}

// each calls found for each cookie that stands as one in s. lead is where the flag or the name before it begins.
func (n near) each(s string, found func(lead, from, to int)) {
	if !strings.Contains(s, n.secret) {
		return
	}
	for at := 0; ; {
		next := wordCookie(s[at:])
		if next < 0 {
			return
		}
		at += next
		match := n.after.FindString(s[at:min(len(s), at+nearLead+len(n.secret))])
		if to := at + len(match); match != "" && isWord(s, to-len(n.secret), len(n.secret)) {
			found(nameStart(s, at), to-len(n.secret), to)
		}
		at += len("cookie")
	}
}

// says reports whether a text has these words: "the cookie is" does not have "cookie i".
func says(text, words string) bool {
	for at := 0; ; at++ {
		next := strings.Index(text[at:], words)
		if next < 0 {
			return false
		}
		if at += next; isWord(text, at, len(words)) {
			return true
		}
	}
}

// wordCookie is where the word cookie first stands in s, in small letters or capitals; -1 if nowhere.
func wordCookie(s string) int {
	for at := 0; ; at++ {
		next := strings.IndexAny(s[at:], "kK")
		if next < 0 {
			return -1
		}
		at += next
		if at >= 3 && at+3 <= len(s) && strings.EqualFold(s[at-3:at+3], "cookie") {
			return at - 3
		}
	}
}

// nameStart is where the flag or the variable begins whose name has the word cookie at that place: -setcookie, RELX_COOKIE.
func nameStart(s string, at int) int {
	return len(strings.TrimRightFunc(s[max(0, at-nearLead):at], func(c rune) bool {
		return c == '-' || c == '_' || c == '+' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	})) + max(0, at-nearLead)
}
