package guard

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAPanicBecomesAnError(t *testing.T) {
	own := errors.New("own")
	if err := Try(func() error { return own }); !errors.Is(err, own) || Bug(err) != nil {
		t.Errorf("an error became %v", err)
	}
	err := fmt.Errorf("outer: %w", Try(func() error { panic("five") }))
	if b := Bug(err); b == nil || b.Sentence() != "a bug of ours: five" || !strings.Contains(b.Error(), "guard_test.go") {
		t.Errorf("a panic became %v", err)
	}
}

func TestGoroutinesAndTimersAreGuarded(t *testing.T) {
	var wg sync.WaitGroup
	var waited error
	Go(&wg, func(err error) { waited = err }, func() { panic("in a group") })
	wg.Wait()
	caught := make(chan error, 2)
	Go(nil, func(err error) { caught <- err }, func() { panic("alone") })
	AfterFunc(time.Millisecond, func(err error) { caught <- err }, func() { panic("later") })
	for _, err := range []error{waited, <-caught, <-caught} {
		if Bug(err) == nil {
			t.Errorf("a panic became %v", err)
		}
	}
	Go(&wg, func(err error) { t.Error(err) }, func() {})
	wg.Wait()
}
