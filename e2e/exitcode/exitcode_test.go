package exitcode

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestInnerCodeWins(t *testing.T) {
	inner := With(Unavailable, errors.New("no engine"))
	outer := With(Internal, fmt.Errorf("set-up: %w", inner))
	if got := Of(outer); got != Unavailable {
		t.Errorf("Of = %d, want %d: the inner code wins", got, Unavailable)
	}
	if got := Of(errors.New("plain")); got != Internal {
		t.Errorf("Of = %d for an error without a code, want %d", got, Internal)
	}
	if With(Fail, nil) != nil || Of(nil) != OK {
		t.Error("a nil error must stay nil")
	}
}

// Of joined errors the precedence decides, and not which was joined first.
func TestOfJoinedErrors(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.Join(With(Usage, plain), With(Fail, plain)), Fail},
		{errors.Join(With(Usage, plain), plain), Internal},
		{errors.Join(plain, With(Fail, plain), With(Interrupted, plain)), Interrupted},
		{fmt.Errorf("a: %w", errors.Join(nil, With(Unknown, plain), fmt.Errorf("b: %w", With(Unavailable, plain)))), Unavailable},
		{With(Usage, errors.Join(plain, plain)), Usage},
		{With(Usage, errors.Join(plain, With(Unavailable, plain))), Unavailable},
		{With(Internal, errors.Join(With(Usage, plain), With(Usage, plain))), Usage},
	} {
		if got := Of(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

// 64 and 69 promise that nothing was made.
func TestLate(t *testing.T) {
	for _, c := range Table() {
		want := map[int]int{Usage: Fail, Unavailable: Internal}[c.Code]
		if want == 0 {
			want = c.Code
		}
		err := With(c.Code, errors.New("x"))
		if got := Late(err); Of(got) != want || got.Error() != "x" {
			t.Errorf("%d became %d", c.Code, Of(got))
		}
	}
	if Late(nil) != nil {
		t.Error("no error became one")
	}
}

// The documents and the table are the same.
func TestTheTableIsTheDocuments(t *testing.T) {
	read := func(name string) string {
		data, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var documented []Code
	for line := range strings.Lines(read("docs/exit-codes.md")) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		if code, err := strconv.Atoi(strings.TrimSpace(cells[0])); err == nil && len(cells) == 3 {
			documented = append(documented, Code{code, strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])})
		}
	}
	if !slices.Equal(documented, Table()) {
		t.Errorf("docs/exit-codes.md has\n%v\nand the table is\n%v", documented, Table())
	}
	short := regexp.MustCompile("(?m)^\\| `exit` \\|.*$").FindString(read("README.md"))
	var words []string
	for _, m := range regexp.MustCompile("`([0-9]+ [a-z]+)`").FindAllStringSubmatch(short, -1) {
		words = append(words, m[1])
	}
	var want []string
	for _, c := range Table() {
		want = append(want, fmt.Sprintf("%d %s", c.Code, c.Word))
	}
	slices.Sort(words)
	slices.Sort(want)
	if !slices.Equal(words, want) {
		t.Errorf("README.md's line of the exit file has %q, want %q", words, want)
	}
}

func TestFirst(t *testing.T) {
	if First() != OK || First(OK, Unknown) != Unknown || First(Unknown, Internal, Fail) != Fail || Word(Internal) != "internal" || Word(3) != "undefined" {
		t.Errorf("%d, %d, %d, %s, %s", First(), First(OK, Unknown), First(Unknown, Internal, Fail), Word(Internal), Word(3))
	}
}
