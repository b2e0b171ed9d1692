// Package progress shows people what a run does: lines, and what is waited for, since when, and what was seen last.
//
// In: lines, and waits that whoever waits announces. Out: text on a terminal or in a log. On a terminal the waits are a status below
// the lines, which is drawn again and again; elsewhere a long wait is a line from time to time, so that a log shows where a run
// hangs. It decides nothing, and nothing that judges imports it.
//
// The board travels in the context, as what a request carries does: whoever waits has a context already, and without a board in it
// the same calls do nothing.
package progress

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/term"

	"meshproof.dev/meshproof/e2e/guard"
)

// Board is where the progress of one run is shown. Safe for concurrent use. The nil board shows nothing.
type Board struct {
	out   io.Writer
	began time.Time
	every time.Duration              // how often the waits are shown
	size  func() (columns, rows int) // of the terminal; nil where there is none

	mu    sync.Mutex
	waits []*Waiting // in the order in which they began
	drawn []string   // the status that is on the terminal now
	ticks int
	stop  chan struct{}
	ended sync.WaitGroup
}

const (
	redraw    = 250 * time.Millisecond
	patience  = time.Second // a wait that lasts no longer is not drawn
	logEvery  = 10 * time.Second
	slowAfter = time.Minute // from then on a log has every third line
)

// New shows progress on w, which is stderr: results go to stdout. Times are those since began.
func New(w io.Writer, began time.Time) *Board {
	f := terminal(w)
	if f == nil {
		return NewLog(w, began, logEvery)
	}
	b := &Board{out: f, began: began, every: redraw, size: func() (int, int) {
		columns, rows, err := term.GetSize(int(f.Fd()))
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24
		}
		return columns, rows
	}}
	b.start()
	return b
}

// NewLog writes lines, where there is no terminal. A wait that lasts longer than every is a line about as often.
func NewLog(w io.Writer, began time.Time, every time.Duration) *Board {
	b := &Board{out: w, began: began, every: every}
	b.start()
	return b
}

// terminal is w if that is a terminal on which a line can be drawn again, else nil.
func terminal(w io.Writer) *os.File {
	f, is := w.(*os.File)
	if !is || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return f
}

// Colors reports whether what is written to w may have colours: on a terminal, and not where NO_COLOR is set (no-color.org).
func Colors(w io.Writer) bool { return terminal(w) != nil && os.Getenv("NO_COLOR") == "" }

func (b *Board) start() {
	stop := make(chan struct{})
	b.stop = stop
	guard.Go(&b.ended, func(error) {}, func() {
		t := time.NewTicker(b.every)
		defer t.Stop()
		for {
			select {
			case <-stop:
				return
			case <-t.C:
				b.tick(time.Now())
			}
		}
	})
}

// Line shows one line of progress. It is the log function of a run.
func (b *Board) Line(text string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.print(text, time.Now())
}

// Close takes the status away, so that results can follow. Lines may come later, too.
func (b *Board) Close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	running := b.stop != nil
	if running {
		close(b.stop)
		b.stop = nil
	}
	b.draw(nil)
	b.mu.Unlock()
	if running {
		b.ended.Wait()
	}
}

// print writes the line above the status.
func (b *Board) print(text string, at time.Time) {
	status := b.drawn
	b.draw(nil)
	fmt.Fprintf(b.out, "%6.1f s  %s\n", at.Sub(b.began).Seconds(), printable(text))
	b.draw(status)
}

// tick shows the waits as they are now.
func (b *Board) tick(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stop == nil {
		return
	}
	if b.size == nil {
		b.log(now)
		return
	}
	columns, rows := b.size()
	var status []string
	indent := "          " // below the text of the lines
	if columns < 60 {
		indent = ""
	}
	for _, text := range b.long(now, patience, max(1, min(5, rows/3))) {
		status = append(status, cut(indent+text, columns-4)) // room for the ^C that the terminal prints itself
	}
	if !slices.Equal(status, b.drawn) {
		b.draw(status)
	}
}

// log writes the waits as lines, those of more than a minute less often.
func (b *Board) log(now time.Time) {
	b.ticks++
	if oldest := b.waits; len(oldest) > 0 && now.Sub(oldest[0].since) > slowAfter && b.ticks%3 != 0 {
		return
	}
	for _, text := range b.long(now, b.every, 3) {
		b.print(text, now)
	}
}

// long says of each wait of at least that duration what is waited for; where there are more than most, the last says how many more.
func (b *Board) long(now time.Time, least time.Duration, most int) (all []string) {
	long := slices.DeleteFunc(slices.Clone(b.waits), func(w *Waiting) bool { return now.Sub(w.since) < least })
	for i, w := range long[:min(most, len(long))] {
		text := fmt.Sprintf("waiting %.0f s for %s", now.Sub(w.since).Seconds(), w.what)
		if more := len(long) - most; i == most-1 && more > 0 {
			text = fmt.Sprintf("and %d more; %s", more, text)
		}
		if w.seen != "" {
			text += ": " + w.seen
		}
		all = append(all, printable(text))
	}
	return all
}

// The sequences of ECMA-48 that move the cursor up and erase all that follows it: every terminal of the last forty years has them.
const (
	up    = "\x1b[%dA"
	erase = "\r\x1b[J"
)

// draw replaces the status on the terminal.
func (b *Board) draw(status []string) {
	if b.size == nil || len(status)+len(b.drawn) == 0 {
		return
	}
	var text strings.Builder
	if len(b.drawn) > 0 {
		columns, _ := b.size()
		if above := rows(b.drawn, columns) - 1; above > 0 {
			fmt.Fprintf(&text, up, above)
		}
		text.WriteString(erase)
	}
	text.WriteString(strings.Join(status, "\n"))
	_, _ = io.WriteString(b.out, text.String()) // at once, so that nothing flickers
	b.drawn = status
}

// rows is how many rows the lines take: a terminal that was made narrower since has broken them.
func rows(lines []string, columns int) (n int) {
	for _, l := range lines {
		n += max(1, (width(l)+columns-1)/max(1, columns))
	}
	return n
}

// Waiting is one wait.
type Waiting struct {
	board *Board
	what  string
	since time.Time
	seen  string
}

// Wait announces a wait to the context's board: "for what". Done ends it.
func Wait(ctx context.Context, what string) *Waiting {
	b, _ := ctx.Value(key{}).(*Board)
	w := &Waiting{board: b, what: what, since: time.Now()}
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.waits = append(b.waits, w)
	}
	return w
}

// Seen says what was seen last instead of what is waited for.
func (w *Waiting) Seen(text string) {
	if w.board == nil {
		return
	}
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	w.seen = text
}

// Done ends the wait, whatever came of it.
func (w *Waiting) Done() {
	if w.board == nil {
		return
	}
	w.board.mu.Lock()
	defer w.board.mu.Unlock()
	w.board.waits = slices.DeleteFunc(w.board.waits, func(o *Waiting) bool { return o == w })
}

type key struct{}

// With gives the context a board, for all who wait below it.
func With(ctx context.Context, b *Board) context.Context { return context.WithValue(ctx, key{}, b) }

// printable shows control characters as dots: what is seen contains output of other programs, which could control the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '·'
		}
		return r
	}, s)
}

// cut makes one line of the text that fits into so many columns.
func cut(s string, columns int) string {
	s = strings.NewReplacer("\n", " ", "\t", " ").Replace(s)
	if width(s) <= columns {
		return s
	}
	at, n := 0, 0
	for i, r := range s {
		if n += width(string(r)); n > columns-1 {
			break
		}
		at = i + len(string(r))
	}
	return s[:at] + "…"
}

// width is how many columns the text takes. Characters of East Asia and beyond may take two.
func width(s string) (n int) {
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80:
			n += 2
		default:
			n++
		}
	}
	return n
}
