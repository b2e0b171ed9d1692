package progress

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 28, 22, 0, 0, 0, time.UTC)

// after is a moment of the run.
func after(seconds float64) time.Time {
	return start.Add(time.Duration(seconds * float64(time.Second)))
}

// begin announces a wait that began then.
func begin(b *Board, what string, at float64, seen string) *Waiting {
	w := Wait(With(context.Background(), b), what)
	w.since = after(at)
	w.Seen(seen)
	return w
}

// screen is what a terminal shows of the bytes: enough of one for what the board writes.
func screen(t *testing.T, columns int, out string) string {
	t.Helper()
	var lines [][]rune
	row, column := 0, 0
	put := func(r rune) {
		if column == columns {
			row, column = row+1, 0
		}
		for len(lines) <= row {
			lines = append(lines, nil)
		}
		for len(lines[row]) <= column {
			lines[row] = append(lines[row], ' ')
		}
		lines[row][column] = r
		column++
	}
	for len(out) > 0 {
		var n int
		switch {
		case strings.HasPrefix(out, "\x1b[J"):
			if row < len(lines) {
				lines = append(lines[:row], lines[row][:min(column, len(lines[row]))])
			}
			out = out[3:]
			continue
		case strings.HasPrefix(out, "\x1b["):
			if _, err := fmt.Sscanf(out, "\x1b[%dA", &n); err != nil {
				t.Fatalf("a sequence that this terminal does not know: %q", out[:min(10, len(out))])
			}
			row -= n
			out = out[strings.Index(out, "A")+1:]
			continue
		case out[0] == '\r':
			column = 0
		case out[0] == '\n':
			row, column = row+1, 0
		default:
			r := []rune(out)[0]
			put(r)
			out = out[len(string(r)):]
			continue
		}
		out = out[1:]
	}
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(strings.TrimRight(string(l), " ") + "\n")
	}
	return strings.TrimRight(text.String(), "\n")
}

// onTerminal is a board on a terminal of that size, which is drawn by tick alone.
func onTerminal(out *bytes.Buffer, columns, rows int) *Board {
	return &Board{out: out, began: start, size: func() (int, int) { return columns, rows }, stop: make(chan struct{})}
}

func TestTheStatusOnATerminal(t *testing.T) {
	var out bytes.Buffer
	b := onTerminal(&out, 80, 24)
	pods := begin(b, "all pods of dns-a to be Ready", 0, "2 of 3 are Ready")
	b.tick(after(0.5))
	if out.Len() > 0 {
		t.Errorf("a wait of half a second is drawn: %q", out.String())
	}
	b.tick(after(12))
	const first = "          waiting 12 s for all pods of dns-a to be Ready: 2 of 3 are Ready"
	if got := screen(t, 80, out.String()); got != first {
		t.Errorf("the screen shows\n%s", got)
	}
	drawn := out.Len()
	if b.tick(after(12.2)); out.Len() != drawn {
		t.Errorf("the same status is drawn again: %q", out.String()[drawn:])
	}
	begin(b, "room for 4 more pods", 8, "")
	b.tick(after(13))
	b.mu.Lock()
	b.print("dns-a: deployed", after(13.4))
	b.mu.Unlock()
	want := "  13.4 s  dns-a: deployed\n          waiting 13 s for all pods of dns-a to be Ready: 2 of 3 are Ready\n          waiting 5 s for room for 4 more pods"
	if got := screen(t, 80, out.String()); got != want {
		t.Errorf("the screen shows\n%s\nwant\n%s", got, want)
	}
	pods.Done()
	b.tick(after(14))
	b.Close()
	b.Line("results")
	if got := screen(t, 80, out.String()); !strings.HasPrefix(got, "  13.4 s  dns-a: deployed\n") || !strings.HasSuffix(got, " s  results") || strings.Contains(got, "waiting") {
		t.Errorf("after the end the screen shows\n%s", got)
	}
	if b.tick(after(20)); strings.Contains(screen(t, 80, out.String()), "waiting") {
		t.Error("the status is drawn after the end")
	}
}

// A line is cut to the terminal's width, with room for ^C, and a terminal that was made narrower since is cleared all the same.
func TestTheStatusOnANarrowTerminal(t *testing.T) {
	var out bytes.Buffer
	b, columns := onTerminal(&out, 40, 6), 40
	b.size = func() (int, int) { return columns, 6 }
	begin(b, "größer", 0, "línea\nzwei\x1b[31m "+strings.Repeat("x", 200))
	begin(b, "東京", 0, strings.Repeat("京", 100))
	begin(b, "more", 0, "")
	b.tick(after(2))
	for _, l := range strings.Split(screen(t, 1000, out.String()), "\n") {
		if n := width(l); n > 36 {
			t.Errorf("%d columns: %q", n, l)
		}
	}
	got := screen(t, 1000, out.String())
	if n := strings.Count(got, "\n") + 1; n != 2 || !strings.Contains(got, "and 1 more; waiting 2 s for 東京") || !strings.Contains(got, "größer") || strings.Contains(got, "zwei\n") || strings.Contains(out.String(), "31m") {
		t.Errorf("%d lines:\n%s", n, got)
	}
	columns = 20 // the terminal has broken the two lines into four
	if b.Close(); !strings.HasSuffix(out.String(), fmt.Sprintf(up, 3)+erase) {
		t.Errorf("the end is %q", out.String())
	}
}

func TestLinesInALog(t *testing.T) {
	var out bytes.Buffer
	b := &Board{out: &out, began: start, every: logEvery, stop: make(chan struct{})}
	begin(b, "the control plane", 1, "")
	begin(b, "the node image", 2, "copying\x07 rootfs")
	w := begin(b, "a", 3, "")
	begin(b, "b", 4, "")
	begin(b, "c", 19, "")
	b.tick(after(10))
	b.tick(after(20))
	want := `  20.0 s  waiting 19 s for the control plane
  20.0 s  waiting 18 s for the node image: copying· rootfs
  20.0 s  and 1 more; waiting 17 s for a
`
	if out.String() != want {
		t.Errorf("the log has\n%s\nwant\n%s", out.String(), want)
	}
	w.Done()
	for s := 30; s <= 150; s += 10 {
		b.tick(after(float64(s)))
	}
	if n := strings.Count(out.String(), "the node image"); n != 1+4+3 {
		t.Errorf("a wait of two and a half minutes has %d lines:\n%s", n, out.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("a log has sequences for a terminal: %q", out.String())
	}
}

// Without a board nothing happens, and no one has to ask.
func TestWithoutABoard(t *testing.T) {
	var none *Board
	for _, ctx := range []context.Context{context.Background(), With(context.Background(), none)} {
		w := Wait(ctx, "x")
		w.Seen("y")
		w.Done()
	}
	none.Line("x")
	none.Close()
}

// Lines and waits come from many goroutines at once (go test -race).
func TestManyWaitAtOnce(t *testing.T) {
	var out bytes.Buffer
	b := NewLog(&out, time.Now(), time.Millisecond)
	ctx := With(t.Context(), b)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			w := Wait(ctx, fmt.Sprintf("wait %d", i))
			for range 20 {
				w.Seen("something")
				b.Line("a line")
				time.Sleep(time.Millisecond)
			}
			w.Done()
		})
	}
	wg.Wait()
	b.Close()
	b.Close()
	if len(b.waits) > 0 || strings.Count(out.String(), "a line\n") != 400 || !strings.Contains(out.String(), ": something") {
		t.Errorf("%d waits are left, %d lines", len(b.waits), strings.Count(out.String(), "\n"))
	}
}
