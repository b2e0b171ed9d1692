package exitcode

import (
	"errors"
	"fmt"
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
