package manifest

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// expand replaces $(NAME) and $$ in a text, byte for byte as Kubernetes does (third_party/forked/golang/expansion/expand.go). A name
// is whatever stands between the brackets; a bracket that is not closed is text.
func expand(text string, lookup func(string) (Variable, bool), mayHave func(string) bool) Text {
	var out Text
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '$' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		next := text[i+1:]
		switch end := strings.IndexByte(next, ')'); {
		case next[0] == '$':
			b.WriteByte('$')
			i++
		case next[0] == '(' && end > 0:
			out.refer(&b, next[1:end], lookup, mayHave)
			i += end + 1
		default: // no reference: the $ and what follows are text
			_, size := utf8.DecodeRuneInString(next)
			b.WriteString(text[i : i+1+size])
			i += size
		}
	}
	out.Value = b.String()
	return out
}

// maxText is how long a text may become. Linux gives a process no longer argument or variable (MAX_ARG_STRLEN), and twenty
// variables that each name the one before twice would otherwise make a text of a megabyte.
const maxText = 128 << 10

// refer puts in what a reference means. A text that becomes too long keeps the reference: it is not known.
func (t *Text) refer(b *strings.Builder, name string, lookup func(string) (Variable, bool), mayHave func(string) bool) {
	v, there := lookup(name)
	switch {
	case there && b.Len()+len(v.Value.Value) > maxText:
		b.WriteString("$(" + name + ")")
		t.Open = addNew(t.Open, name)
	case there:
		b.WriteString(v.Value.Value)
		t.Open = addNew(t.Open, v.Value.Open...)
	case mayHave(name):
		b.WriteString("$(" + name + ")")
		t.Open = addNew(t.Open, name)
	default:
		b.WriteString("$(" + name + ")")
		t.Unresolved = addNew(t.Unresolved, name)
	}
}

// addNew adds what is not there yet.
func addNew(all []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
