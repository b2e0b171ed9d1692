package proc

import (
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// mask replaces a cookie.
const mask = secrets.Mark

// cookieFlag is what a cookie follows: -setcookie and -cookie with one or two of - or +, the variables of a cookie
// (RELX_COOKIE, COOKIE) and the call erlang:set_cookie; or the password of a key, an option of -ssl_dist_opt. It does not
// match a file name (.erlang.cookie). leadingFlag matches a flag at the beginning of a text only, so it does not search
// the rest.
var (
	cookieFlag  = regexp.MustCompile(cookieFlags)
	leadingFlag = regexp.MustCompile(`^[-+]*(?:` + cookieFlags + `)`)
)

const cookieFlags = `(?i:[-+_](?:set)?cookie\b)|\bCOOKIE\b|\b(?:client|server)_password\b`

// Secrets removes cookies from text: anything that follows a cookie flag, and the known cookie everywhere. It rather
// removes too much than too little. The zero value has no known cookie.
type Secrets struct {
	r              *secrets.Redactor
	cookie, public string
}

// NewSecrets removes the cookie in all forms that it may have in a text. public is text that is no secret: a cookie that is
// equal to the application's name is removed after a flag, and stays where it is the name.
func NewSecrets(cookie []byte, public string) Secrets {
	r := &secrets.Redactor{}
	r.Public(public)
	r.Guard(cookie)
	return Secrets{r, string(cookie), public}
}

// For is s if it is made of the same, else a new one: to make one takes about a millisecond.
func (s Secrets) For(cookie []byte, public string) Secrets {
	if s.r != nil && s.cookie == string(cookie) && s.public == public {
		return s
	}
	return NewSecrets(cookie, public)
}

// redact removes the known cookie.
func (s Secrets) redact(text string) string {
	if s.r == nil {
		return text
	}
	return s.r.Text(text)
}

// redactArgs removes the cookies from a command line.
func (s Secrets) redactArgs(args []string) []string {
	out := make([]string, 0, len(args))
	values := false // the arguments before end in a flag, or in values of one …
	first := false  // … of which none has come yet
	for _, a := range args {
		switch {
		case values && (first || !strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "+")) && !leadingFlag.MatchString(a):
			out = append(out, mask)
			first = false
		default:
			text, open := s.redactText(a)
			out = append(out, text)
			values, first = open, open
		}
	}
	return out
}

// redactText removes the cookies from a text, such as a file of arguments. open means that its last flag has no value yet.
func (s Secrets) redactText(text string) (out string, open bool) {
	var b strings.Builder
	for {
		at := cookieFlag.FindStringIndex(text)
		if at == nil {
			b.WriteString(s.redact(text))
			return b.String(), open
		}
		b.WriteString(s.redact(text[:at[0]]))
		b.WriteString(text[at[0]:at[1]]) // the flag itself is never redacted
		text, open = s.redactValues(&b, text[at[1]:])
	}
}

// redactValues writes a mask for each value after a flag, and returns the text after the values.
func (s Secrets) redactValues(b *strings.Builder, text string) (rest string, open bool) {
	rest, single := strings.CutPrefix(text, "=")
	if single {
		b.WriteByte('=')
	}
	for n := 0; ; n++ {
		body := strings.TrimLeft(rest, " \t\r\n")
		blank := rest[:len(rest)-len(body)]
		switch {
		case body == "":
			b.WriteString(blank)
			return "", n == 0
		case n > 0 && (single || strings.ContainsAny(body[:1], "-+#")), leadingFlag.MatchString(body):
			return rest, false
		case n == 0 && body[0] == '#' && strings.Contains(blank, "\n"):
			// A comment on a separate line between the flag and its value.
			end := strings.IndexByte(body, '\n')
			if end < 0 {
				end = len(body)
			}
			b.WriteString(blank)
			comment, _ := s.redactText(body[:end])
			b.WriteString(comment)
			rest, n = body[end:], -1
		default:
			b.WriteString(blank + mask)
			rest = body[valueLength(body):]
		}
	}
}

// valueLength is the length of the value at the beginning of s: up to white space that is not quoted. A quote without an end
// extends to the end of s.
func valueLength(s string) int {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			return i
		}
	}
	return len(s)
}
