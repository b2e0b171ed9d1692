package secrets

import (
	"slices"
	"strings"
	"testing"
)

// The matcher finds what a search for one form after the other finds.
func FuzzMatcher(f *testing.F) {
	f.Add("abcd abcde bcdefghijklmnop", "xabcdefghijklmnopq abcd")
	f.Add("aaaa aaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa")
	f.Add("0123456789abcdefghij 6789", "0123456789abcdefghi 0123456789abcdefghij")
	f.Fuzz(func(t *testing.T, words, text string) {
		var all []form
		var want, got []string
		for w := range strings.FieldsSeq(words) {
			if len(w) < shortest || slices.ContainsFunc(all, func(f form) bool { return f.text == w }) {
				continue
			}
			all = append(all, form{text: w})
			for at := range len(text) {
				if strings.HasPrefix(text[at:], w) {
					want = append(want, w)
				}
			}
		}
		newMatcher(all).each(text, func(at int, f form) {
			if !strings.HasPrefix(text[at:], f.text) {
				t.Errorf("%q is not at %d of %q", f.text, at, text)
			}
			got = append(got, f.text)
		})
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	})
}
