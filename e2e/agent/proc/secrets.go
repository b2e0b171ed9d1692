package proc

import (
	"regexp"
	"strings"

	"meshproof.dev/meshproof/e2e/recording/secrets"
)

// hidden stands where a cookie was.
const hidden = secrets.Mark

// flag is what a cookie follows: -setcookie and -cookie with one or two of - or +, the variables that hold one
// (RELX_COOKIE, COOKIE) and the call erlang:set_cookie; or the password of a key, an option of -ssl_dist_opt. A file's name
// (.erlang.cookie) is none. flagFirst is a flag at the beginning of a text, which is told without looking through the rest.
var (
	flag      = regexp.MustCompile(flags)
	flagFirst = regexp.MustCompile(`^[-+]*(?:` + flags + `)`)
)

const flags = `(?i:[-+_](?:set)?cookie\b)|\bCOOKIE\b|\b(?:client|server)_password\b`

// Secrets takes cookies out of text. What follows a flag goes whatever it is, and the cookie that is known goes from
// everywhere: too much is hidden rather than too little. The zero value knows none.
type Secrets struct{ r *secrets.Redactor }

// NewSecrets knows a cookie in all the forms that a text may have it in. public is what anybody may read: a cookie that is
// the application's own name is hidden where it is meant as a cookie, and stays where it is the name.
func NewSecrets(cookie []byte, public string) Secrets {
	r := &secrets.Redactor{}
	r.Public(public)
	r.Guard(cookie)
	return Secrets{r}
}

// known takes out the cookie that is known.
func (s Secrets) known(text string) string {
	if s.r == nil {
		return text
	}
	return s.r.Text(text)
}

// args takes the cookies out of a command line.
func (s Secrets) args(args []string) []string {
	out := make([]string, 0, len(args))
	values := false // the arguments before end in a flag, or in values of one …
	first := false  // … of which none has come yet
	for _, a := range args {
		switch {
		case values && (first || !strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "+")) && !flagFirst.MatchString(a):
			out = append(out, hidden)
			first = false
		default:
			text, open := s.text(a)
			out = append(out, text)
			values, first = open, open
		}
	}
	return out
}

// text takes the cookies out of a text, such as a file of arguments. open means that its last flag still waits for a
// value.
func (s Secrets) text(text string) (out string, open bool) {
	var b strings.Builder
	for {
		at := flag.FindStringIndex(text)
		if at == nil {
			b.WriteString(s.known(text))
			return b.String(), open
		}
		b.WriteString(s.known(text[:at[0]]))
		b.WriteString(text[at[0]:at[1]]) // whatever the cookie is, the flag stays readable
		text, open = s.values(&b, text[at[1]:])
	}
}

// values writes what follows a flag, each value hidden, and gives what comes after the values.
func (s Secrets) values(b *strings.Builder, text string) (rest string, open bool) {
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
		case n > 0 && (single || strings.ContainsAny(body[:1], "-+#")), flagFirst.MatchString(body):
			return rest, false
		case n == 0 && body[0] == '#' && strings.Contains(blank, "\n"):
			// A comment on a line of its own between the flag and its value.
			end := strings.IndexByte(body, '\n')
			if end < 0 {
				end = len(body)
			}
			b.WriteString(blank)
			comment, _ := s.text(body[:end])
			b.WriteString(comment)
			rest, n = body[end:], -1
		default:
			b.WriteString(blank + hidden)
			rest = body[token(body):]
		}
	}
}

// token is the length of the value at the beginning of s: up to white space that is not quoted. A quote that nobody
// closes lasts to the end.
func token(s string) int {
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
