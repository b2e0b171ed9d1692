package secrets

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// half is how much of a secret's form at the end or the beginning of a text counts as a secret that was cut in two: kubelet and
// API server cut messages, too.
const half = 8

// Redactor redacts the secrets that it guards in text. The zero value guards none. Safe for concurrent use.
type Redactor struct {
	mu      sync.Mutex
	secrets []guarded
	public  string
	now     *compiled // made of the others when it is first needed; nil after each change
}

// compiled is what a redactor looks for. It never changes.
type compiled struct {
	known  *matcher // of the forms
	forms  []form   // of all secrets but what is public, longest first
	near   []near
	public string
}

// guarded is one secret in all its forms.
type guarded struct {
	cookie string // without white space at its ends; "" for what is no cookie
	forms  []form
}

// Guard adds a secret that no text may contain in any of its forms. White space alone is not a secret.
func (r *Redactor) Guard(secret []byte) {
	trimmed := bytes.TrimSpace(secret)
	if len(trimmed) == 0 {
		return
	}
	var f forms
	f.cookie(bytes.Clone(secret))
	r.learn(guarded{string(trimmed), f.all})
}

// Public adds text that is not secret: names, and words of our own. A form that is part of it (for example of a cookie that equals
// the application's name, and so is in the names of its pods) is redacted, and searched for, only after the word cookie. If it is
// there only as a part of longer words ("ode" in "node"), it is redacted also where it is a word of its own. Never make a text
// public that somebody may have written a secret into.
func (r *Redactor) Public(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.public += text + "\n"
	r.now = nil
}

func (r *Redactor) learn(g guarded) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, g)
	r.now = nil
}

func (r *Redactor) compiled() *compiled {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		r.now = compile(r.secrets, r.public)
	}
	return r.now
}

func compile(secrets []guarded, public string) *compiled {
	var every forms
	for _, g := range secrets {
		for _, f := range g.forms {
			every.put(f)
		}
	}
	part, whole := map[string]bool{}, map[string]bool{}
	all := newMatcher(every.all)
	all.each(public, func(at int, f form) {
		part[f.text] = true
		whole[f.text] = whole[f.text] || !f.plain || isWord(public, at, len(f.text))
	})
	c := &compiled{public: public}
	for _, f := range every.all {
		if f.word = part[f.text]; !whole[f.text] {
			c.forms = append(c.forms, f)
		}
	}
	slices.SortStableFunc(c.forms, func(a, b form) int { return len(b.text) - len(a.text) })
	c.known = all
	if len(part) > 0 {
		c.known = newMatcher(c.forms)
	}
	for _, g := range secrets {
		if g.cookie != "" && (len(g.cookie) < shortest || part[g.cookie]) {
			c.near = append(c.near, newNear(g.cookie))
		}
	}
	return c
}

// Common reports whether a guarded cookie is also a common word: one that stands by itself in what is public. It is redacted, and
// searched for, only where it stands as a cookie.
func (r *Redactor) Common(cookie []byte) bool {
	trimmed := string(bytes.TrimSpace(cookie))
	c := r.compiled()
	return len(trimmed) >= shortest && slices.ContainsFunc(c.near, func(n near) bool { return n.secret == trimmed }) &&
		!slices.ContainsFunc(c.forms, func(f form) bool { return f.plain && f.text == trimmed })
}

// Guards reports whether there is any secret to redact yet.
func (r *Redactor) Guards() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.secrets) > 0
}

// Text is s with [Mark] in place of each secret, or of a large part of one at either end. A secret that is broken by line breaks is
// not seen here, only by [Redactor.Leaks]; but of a key each line is a secret.
func (r *Redactor) Text(s string) string {
	c := r.compiled()
	s = c.whole(s)
	for _, f := range c.forms {
		if f.word {
			continue
		}
		if k := begun(s, f.text); k > 0 && !strings.Contains(c.public, s[len(s)-k:]) {
			s = s[:len(s)-k] + Mark
		}
		if k := ended(s, f.text); k > 0 && !strings.Contains(c.public, s[:k]) {
			s = Mark + s[k:]
		}
	}
	return s
}

// Contains reports whether there is a whole secret in s.
func (r *Redactor) Contains(s string) bool { return r.compiled().whole(s) != s }

// span is a part of a text.
type span struct{ from, to int }

// whole takes out what stands there whole.
func (c *compiled) whole(s string) string {
	var all []span
	c.known.each(s, func(at int, f form) { all = append(all, span{at, at + len(f.text)}) })
	for _, n := range c.near {
		n.each(s, func(_, from, to int) { all = append(all, span{from, to}) })
	}
	return marked(s, all)
}

// marked is s with one [Mark] in place of all spans that overlap.
func marked(s string, all []span) string {
	slices.SortFunc(all, func(a, b span) int { return a.from - b.from })
	var b strings.Builder
	at := 0
	for i := 0; i < len(all); {
		from, to := all[i].from, all[i].to
		for ; i < len(all) && all[i].from < to; i++ {
			to = max(to, all[i].to)
		}
		b.WriteString(s[at:from])
		b.WriteString(Mark)
		at = to
	}
	b.WriteString(s[at:])
	return b.String()
}

// begun is the length of the longest beginning of form that s ends with, 0 for none of some length.
func begun(s, form string) int {
	if len(form) <= half {
		return 0
	}
	for at := max(0, len(s)-len(form)+1); ; at++ {
		i := strings.Index(s[at:], form[:half])
		if i < 0 {
			return 0
		}
		if at += i; strings.HasPrefix(form, s[at:]) {
			return len(s) - at
		}
	}
}

// ended is the length of the longest end of form that s begins with.
func ended(s, form string) int {
	if len(form) <= half {
		return 0
	}
	for end := min(len(s), len(form)-1); ; end-- {
		i := strings.LastIndex(s[:end], form[len(form)-half:])
		if i < 0 {
			return 0
		}
		if end = i + half; strings.HasSuffix(form, s[:end]) {
			return end
		}
	}
}

// Head is Text of what a limit cut at its end: without the last bytes, which may be the beginning of a secret.
func (r *Redactor) Head(s string) string {
	s = r.Text(s)
	return strings.ToValidUTF8(s[:max(0, len(s)-r.compiled().overlap())], "")
}

// Tail is Text of what a limit cut at its beginning.
func (r *Redactor) Tail(s string) string {
	s = r.Text(s)
	return strings.ToValidUTF8(s[min(len(s), r.compiled().overlap()):], "")
}

// overlap is the length that a part of a secret has at most.
func (c *compiled) overlap() int {
	longest := 0
	if len(c.near) > 0 {
		longest = nearLead + maxNear
	}
	if len(c.forms) > 0 {
		longest = max(longest, len(c.forms[0].text))
	}
	return max(0, longest-1)
}
