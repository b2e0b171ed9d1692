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
		t.Errorf("Of = %d, want %d: the place nearest to the cause decides", got, Unavailable)
	}
	if got := Of(errors.New("plain")); got != Internal {
		t.Errorf("an error without a code is our own fault: Of = %d", got)
	}
	if With(Fail, nil) != nil || Of(nil) != OK {
		t.Error("no error must stay no error")
	}
}
