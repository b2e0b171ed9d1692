package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// maxLine bounds one line of a recording. A pod of a large cluster believes in a thousand nodes at most;
// a longer line is a broken file.
const maxLine = 8 << 20

// ErrTruncated says that a recording has no end: its writer was killed. All its whole lines are good.
var ErrTruncated = errors.New("the recording has no end: its writer was killed")

// Writer appends events to a recording. It is safe for concurrent use.
type Writer struct {
	mu       sync.Mutex
	w        io.Writer
	c        io.Closer
	lines    uint64
	shorter  Shortener
	youngest time.Duration
	ended    bool
	err      error
}

// Create creates the file at path, with the folders it needs, and writes the header. It does not write into a recording that is there:
// another writer may be at it.
func Create(path string, h Header) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	w := NewWriter(f, h)
	w.c = f
	return w, w.Err()
}

// NewWriter writes a recording to w, beginning with the header.
func NewWriter(w io.Writer, h Header) *Writer {
	h.Format = Format
	rw := &Writer{w: w}
	rw.line(h)
	return rw
}

// Write appends one event. The first error is kept and returned by Err and Close: an observer cannot handle it while it runs.
func (w *Writer) Write(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.End != nil {
		return // Close writes it
	}
	w.youngest = max(w.youngest, e.T)
	w.line(w.shorter.Shorten(e, w.lines+1, e.T))
}

func (w *Writer) line(v any) {
	if w.err != nil {
		return
	}
	w.lines++
	b, err := json.Marshal(v)
	if err == nil {
		// One write per line: a reader of a growing or incomplete file sees complete lines except the last.
		_, err = w.w.Write(append(b, '\n'))
	}
	w.err = err
}

// Err is the first error of the writer.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close writes the end of the recording, closes the file and returns the first error of the writer. If there was an error, something
// is missing, and the recording gets no end.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.ended = true
		w.line(Event{T: w.youngest, By: ByRun, End: &End{}})
	}
	if w.c != nil {
		if err := w.c.Close(); w.err == nil {
			w.err = err
		}
		w.c = nil
	}
	return w.err
}

// Reader reads a recording, one event after the other.
type Reader struct {
	Header Header

	r     *bufio.Reader
	buf   []byte // of one line
	lines uint64
	json  decoder
	texts shared
	whole Restorer
}

// NewReader reads the header. A file that does not begin with one is no recording.
func NewReader(r io.Reader) (*Reader, error) {
	rd := &Reader{r: bufio.NewReaderSize(r, 1<<16), lines: 1}
	line, _, err := rd.line()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty, so it is not a recording")
	case err != nil:
		return nil, fmt.Errorf("line 1: %w", err)
	}
	if err = rd.json.decode(line, &rd.Header); err != nil {
		return nil, fmt.Errorf("line 1 is not the header of a recording: %w", err)
	}
	if f := rd.Header.Format; f != Format {
		return nil, fmt.Errorf("line 1: format %q, this program reads %q", f, Format)
	}
	return rd, nil
}

// Next gives the next event. At the end of the recording the error is io.EOF; if the recording has no event that ends it, it is
// ErrTruncated. Anything else that is not an event is an error with its line number.
func (r *Reader) Next() (Event, error) {
	r.lines++
	line, whole, err := r.line()
	switch {
	case errors.Is(err, io.EOF):
		return Event{}, ErrTruncated
	case err != nil:
		return Event{}, fmt.Errorf("line %d: %w", r.lines, err)
	}
	var e Event
	if err = r.json.decode(line, &e); err != nil {
		if !whole {
			return Event{}, ErrTruncated
		}
		return Event{}, fmt.Errorf("line %d: %w", r.lines, err)
	}
	r.texts.share(&e)
	if e, err = r.whole.Restore(e, r.lines, e.T); err != nil {
		return Event{}, fmt.Errorf("line %d: %w", r.lines, err)
	}
	if kinds := e.Kinds(); len(kinds) != 1 {
		return Event{}, fmt.Errorf("line %d: an event must be of one kind, this one has %d: %s", r.lines, len(kinds), strings.Join(kinds, ", "))
	}
	if e.End == nil {
		return e, nil
	}
	if _, _, err = r.line(); !errors.Is(err, io.EOF) {
		return Event{}, fmt.Errorf("line %d: something follows the end of the recording", r.lines+1)
	}
	return Event{}, io.EOF
}

// decoder decodes one line after the other with the same [json.Decoder]: the recording of a large mesh has millions of lines.
type decoder struct {
	line bytes.Reader
	d    *json.Decoder
}

// decode decodes a line. After an error there is no other line.
func (d *decoder) decode(line []byte, v any) error {
	if d.d == nil {
		d.d = json.NewDecoder(&d.line)
		d.d.DisallowUnknownFields()
	}
	d.line.Reset(line)
	err := d.d.Decode(v)
	if errors.Is(err, io.EOF) {
		return errors.New("the line is empty") // not the end of the file
	}
	if err != nil {
		return err
	}
	if d.d.More() {
		return errors.New("more than one JSON value on the line")
	}
	return nil
}

// line returns a line without its newline, and whether the newline was there. It is valid until the next one is read.
func (r *Reader) line() (line []byte, whole bool, err error) {
	line = r.buf[:0]
	defer func() { r.buf = line[:0] }()
	for {
		part, err := r.r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, false, fmt.Errorf("longer than %d bytes", maxLine)
		case err == nil:
			return line[:len(line)-1], true, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, false, nil
		default:
			return nil, false, err
		}
	}
}
