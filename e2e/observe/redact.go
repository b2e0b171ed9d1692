package observe

import "meshproof.dev/meshproof/e2e/recording/secrets"

// redactor takes the cookie out of text, and what more the observer's owner knows to be secret. Safe for concurrent use.
type redactor struct {
	more func(string) string
	secrets.Redactor
}

func (r *redactor) guard(secret []byte) { r.Guard(secret) }

// ready reports whether there is anything to take out yet. Before that no log may be recorded.
func (r *redactor) ready() bool { return r.more != nil || r.Guards() }

func (r *redactor) text(s string) string {
	s = r.Text(s)
	if r.more != nil {
		s = r.more(s)
	}
	return s
}
