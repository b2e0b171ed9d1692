package clip

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestTheFirstAndTheLastAreKept(t *testing.T) {
	lines := func(from, to int) string {
		var b strings.Builder
		for i := from; i < to; i++ {
			fmt.Fprintf(&b, "line %03d\n", i) // 9 bytes
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		text string
		step int
		size int64 // of the quota; 0 for none
		want string
		left int64
	}{
		"a short one":                  {lines(0, 10), 7, 0, lines(0, 10), 0},
		"just the limit":               {lines(0, 16), 9, 0, lines(0, 16), 0},
		"a long one":                   {lines(0, 500), 9, 0, lines(0, 11) + "[meshproof: 4356 bytes were left out here]\n" + lines(495, 500), 4356},
		"all at once":                  {lines(0, 500), 1 << 20, 0, lines(0, 11) + "[meshproof: 4356 bytes were left out here]\n" + lines(495, 500), 4356},
		"a line without end":           {strings.Repeat("x", 1000), 10, 0, strings.Repeat("x", 100) + "\n[meshproof: 850 bytes were left out here]\n" + strings.Repeat("x", 50), 850},
		"beyond what all have":         {lines(0, 10), 9, 30, lines(0, 3) + "[meshproof: 63 bytes were left out here]\n", 63},
		"the end fits, the middle not": {lines(0, 100), 9, 160, lines(0, 11) + "[meshproof: 756 bytes were left out here]\n" + lines(95, 100), 756},
	} {
		var out bytes.Buffer
		w := &Writer{To: &out, Head: 100, Tail: 50}
		if c.size > 0 {
			w.Quota = NewQuota(c.size)
		}
		for rest := []byte(c.text); len(rest) > 0; {
			n := min(c.step, len(rest))
			if m, err := w.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			rest = rest[n:]
		}
		left, err := w.Close()
		if err != nil || out.String() != c.want || left != c.left {
			t.Errorf("%s: %d left out, %v\n%s\nwant %d\n%s", name, left, err, out.String(), c.left, c.want)
		}
		if len(w.tail) > 2*w.Tail {
			t.Errorf("%s: %d bytes in memory", name, len(w.tail))
		}
	}
}

func TestAQuotaIsForAll(t *testing.T) {
	q := NewQuota(150)
	var sizes []int
	for range 3 {
		var out bytes.Buffer
		w := &Writer{To: &out, Head: 100, Tail: 10, Quota: q}
		_, _ = w.Write([]byte(strings.Repeat("y", 99) + "\n"))
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, strings.Count(out.String(), "y"))
	}
	if sizes[0] != 99 || sizes[1]+sizes[2] > 50 {
		t.Errorf("%v", sizes)
	}
}
