package observe

import "meshproof.dev/meshproof/e2e/recording/secrets"

// redactor redacts the cookie in text, and the other secrets of [Options.Redact]. Safe for concurrent use.
type redactor struct {
	more func(string) string
	secrets.Redactor
}

func (r *redactor) guard(secret []byte) { r.Guard(secret) }

// ready reports whether the cookie is known. Before that no log may be recorded.
func (r *redactor) ready() bool { return r.more != nil || r.Guards() }

func (r *redactor) text(s string) string {
	s = r.Text(s)
	if r.more != nil {
		s = r.more(s)
	}
	return s
}
