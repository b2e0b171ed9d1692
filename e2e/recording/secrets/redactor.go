package secrets

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// half is how much of a secret's form at the end or the beginning of a text counts as a secret that was cut in two: kubelet and
// API server cut messages, too.
const half = 8

// Redactor redacts the secrets that it guards in text. The zero value guards none. Safe for concurrent use.
type Redactor struct {
	mu      sync.RWMutex
	secrets [][]byte
	public  string
	forms   []form // longest first
	near    []*regexp.Regexp
}

// Guard adds a secret that no text may contain in any of its forms. White space alone is not a secret.
func (r *Redactor) Guard(secret []byte) {
	if len(bytes.TrimSpace(secret)) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = append(r.secrets, bytes.Clone(secret))
	r.learn(secret)
}

// Public adds text that is not secret. A form that is part of it (for example of a cookie that equals the application's name, and so
// is in the names of its pods) is redacted, and searched for, only after the word cookie.
func (r *Redactor) Public(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.public += text + "\n"
	r.forms, r.near = nil, nil
	for _, s := range r.secrets {
		r.learn(s)
	}
}

// learn makes the forms of a secret known.
func (r *Redactor) learn(secret []byte) {
	trimmed := string(bytes.TrimSpace(secret))
	if len(trimmed) < shortest || strings.Contains(r.public, trimmed) {
		// "-setcookie abc", "cookie: abc", "COOKIE=abc", "cookie":"abc".
		r.near = append(r.near, regexp.MustCompile(`(?i)(cookie["']?[\s=:,]{1,3}["']?)(?-i:`+regexp.QuoteMeta(trimmed)+`)\b`))
	}
	for _, f := range forms(secret) {
		if !strings.Contains(r.public, f.text) && !slices.ContainsFunc(r.forms, func(g form) bool { return g.text == f.text }) {
			r.forms = append(r.forms, f)
		}
	}
	slices.SortStableFunc(r.forms, func(a, b form) int { return len(b.text) - len(a.text) })
}

// Guards reports whether there is any secret to redact yet.
func (r *Redactor) Guards() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.forms) > 0 || len(r.near) > 0
}

// Text is s with [Mark] in place of each secret, or of a large part of one at either end.
func (r *Redactor) Text(s string) string {
	s = r.whole(s)
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, f := range r.forms {
		if k := begun(s, f.text); k > 0 && !strings.Contains(r.public, s[len(s)-k:]) {
			s = s[:len(s)-k] + Mark
		}
		if k := ended(s, f.text); k > 0 && !strings.Contains(r.public, s[:k]) {
			s = Mark + s[k:]
		}
	}
	return s
}

// whole takes out what stands there whole.
func (r *Redactor) whole(s string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, f := range r.forms {
		s = strings.ReplaceAll(s, f.text, Mark)
	}
	for _, n := range r.near {
		s = n.ReplaceAllString(s, "${1}"+Mark)
	}
	return s
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
	return strings.ToValidUTF8(s[:max(0, len(s)-r.overlap())], "")
}

// Tail is Text of what a limit cut at its beginning.
func (r *Redactor) Tail(s string) string {
	s = r.Text(s)
	return strings.ToValidUTF8(s[min(len(s), r.overlap()):], "")
}

// maxNear is the length of a cookie: an atom has 255 bytes at most.
const maxNear = 255

// overlap is the length that a part of a secret has at most.
func (r *Redactor) overlap() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	longest := 0
	if len(r.near) > 0 {
		longest = len(`cookie" : "`) + maxNear
	}
	if len(r.forms) > 0 {
		longest = max(longest, len(r.forms[0].text))
	}
	return max(0, longest-1)
}

// lineBuffer is how much of a line is held at once.
const lineBuffer = 64 << 10

// Copy copies lines without their secrets until src ends. A line of any length is copied whole; a secret in it is found
// also where two buffers meet. Of a line in which src breaks off the end is left out.
func (r *Redactor) Copy(dst io.Writer, src io.Reader) error {
	in := bufio.NewReaderSize(src, lineBuffer)
	held := ""
	for {
		part, err := in.ReadSlice('\n')
		held += string(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			text := r.whole(held)
			end := max(0, len(text)-r.overlap())
			if _, werr := io.WriteString(dst, text[:end]); werr != nil {
				return werr
			}
			held = text[end:]
			continue
		}
		line, newline := strings.CutSuffix(held, "\n")
		held = r.Text(line)
		if newline {
			held += "\n"
		} else if err != nil && !errors.Is(err, io.EOF) {
			held = r.Head(line) // src broke off, perhaps within a secret
		}
		if _, werr := io.WriteString(dst, held); werr != nil {
			return werr
		}
		held = ""
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Tree rewrites the files under dir without the secrets in them, except compressed ones.
func (r *Redactor) Tree(dir string) error {
	if !r.Guards() {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return r.file(path)
	})
}

func (r *Redactor) file(path string) error {
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	in := bufio.NewReader(src)
	if packed(in) {
		return nil
	}
	dst, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err = errors.Join(r.Copy(dst, in), dst.Close()); err != nil {
		_ = os.Remove(dst.Name())
		return err
	}
	return os.Rename(dst.Name(), path)
}
