package secrets

import (
	"slices"
	"strings"
)

// matcher finds many forms in one pass over a text. It looks at a window that is as long as the shortest form (windowMost at
// most) and moves it on by as many bytes as the last three in it allow (the algorithm of Wu and Manber). There are some
// hundred forms of a cookie and some thousand of a key: one pass for each would take minutes for a run's results.
type matcher struct {
	window int
	back   []uint8           // by how much less than window-2 it may move on
	starts map[string][]form // by their first bytes, window of them; longest first
}

const windowMost = 16

// newMatcher is a matcher of these forms, each of at least [shortest] bytes.
func newMatcher(all []form) *matcher {
	m := &matcher{window: windowMost, back: make([]uint8, 1<<16), starts: map[string][]form{}}
	for _, f := range all {
		m.window = min(m.window, len(f.text))
	}
	for _, f := range all {
		start := f.text[:m.window]
		m.starts[start] = append(m.starts[start], f)
		for i := range m.window - 2 {
			h := hash(start[i], start[i+1], start[i+2])
			m.back[h] = max(m.back[h], uint8(i+1))
		}
	}
	for _, s := range m.starts {
		slices.SortStableFunc(s, func(a, b form) int { return len(b.text) - len(a.text) })
	}
	return m
}

func hash(a, b, c byte) uint16 {
	return uint16((uint32(a)<<16 | uint32(b)<<8 | uint32(c)) * 2654435761 >> 16)
}

// each calls found for each form and each place where it is in s, also where one overlaps another.
func (m *matcher) each(s string, found func(at int, f form)) {
	if len(m.starts) == 0 {
		return
	}
	most := m.window - 2
	for end := m.window; end <= len(s); {
		move := most - int(m.back[hash(s[end-3], s[end-2], s[end-1])])
		if move > 0 {
			end += move
			continue
		}
		at := end - m.window
		for _, f := range m.starts[s[at:end]] {
			if strings.HasPrefix(s[at:], f.text) && (!f.word || isWord(s, at, len(f.text))) {
				found(at, f)
			}
		}
		end++
	}
}

// isWord reports whether the n bytes at that place are a word of their own, and no part of a longer one.
func isWord(s string, at, n int) bool {
	inWord := func(c byte) bool {
		return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
	}
	begins := at == 0 || !inWord(s[at-1]) || !inWord(s[at])
	ends := at+n == len(s) || !inWord(s[at+n]) || !inWord(s[at+n-1])
	return begins && ends
}
