package observe

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"
)

// redactor takes secrets out of text. Safe for concurrent use.
type redactor struct {
	more func(string) string

	mu    sync.Mutex
	forms []string // longest first: one may hold another
}

// guard names a secret that no text may hold: as it is, without the white space at its ends (a Secret made from a
// file often has a newline too much, which no log shows), and either in base64, as a Secret's manifest has it.
func (r *redactor) guard(secret []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	trimmed := strings.TrimSpace(string(secret))
	if trimmed == "" {
		return
	}
	for _, s := range []string{string(secret), trimmed} {
		for _, f := range []string{s, base64.RawStdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s))} {
			if !slices.Contains(r.forms, f) {
				r.forms = append(r.forms, f)
			}
		}
	}
	slices.SortStableFunc(r.forms, func(a, b string) int { return len(b) - len(a) })
}

// ready tells whether there is anything to take out yet. Before that no log may be recorded.
func (r *redactor) ready() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.forms) > 0 || r.more != nil
}

func (r *redactor) text(s string) string {
	r.mu.Lock()
	for _, f := range r.forms {
		s = strings.ReplaceAll(s, f, "(cookie)")
	}
	r.mu.Unlock()
	if r.more != nil {
		s = r.more(s)
	}
	return s
}
