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
)

// maxLine bounds one line of a recording. A pod of a large cluster believes in a thousand nodes at most;
// a longer line is a broken file.
const maxLine = 8 << 20

// ErrTruncated says that the last line of a recording is incomplete: its writer was killed. The lines before it are good.
var ErrTruncated = errors.New("the last line is cut off")

// Writer appends events to a recording. It is safe for concurrent use.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	c   io.Closer
	err error
}

// Create creates the file at path, with the folders it needs, and writes the header.
func Create(path string, h Header) (*Writer, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
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
	w.line(e)
}

func (w *Writer) line(v any) {
	if w.err != nil {
		return
	}
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

// Close closes the file and returns the first error of the writer.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c != nil {
		if err := w.c.Close(); w.err == nil {
			w.err = err
		}
		w.c = nil
	}
	return w.err
}

// Read reads a recording and gives each event to each. It returns the header, and ErrTruncated (after all
// whole events) when the last line is cut off. Anything else that is not a recording is an error with its line number.
func Read(r io.Reader, each func(Event)) (Header, error) {
	var h Header
	br := bufio.NewReaderSize(r, 1<<16)
	for n := 1; ; n++ {
		line, whole, err := readLine(br)
		if errors.Is(err, io.EOF) {
			if n == 1 {
				return h, errors.New("the file is empty, so it is not a recording")
			}
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("line %d: %w", n, err)
		}
		if n == 1 {
			if err := decode(line, &h); err != nil {
				return h, fmt.Errorf("line 1 is not the header of a recording: %w", err)
			}
			if h.Format != Format {
				return h, fmt.Errorf("line 1: format %q, this program reads %q", h.Format, Format)
			}
			continue
		}
		var e Event
		if err := decode(line, &e); err != nil {
			if !whole {
				return h, ErrTruncated
			}
			return h, fmt.Errorf("line %d: %w", n, err)
		}
		if kinds := e.Kinds(); len(kinds) != 1 {
			return h, fmt.Errorf("line %d: an event must be of one kind, this one has %d: %s", n, len(kinds), strings.Join(kinds, ", "))
		}
		each(e)
	}
}

// Load reads the recording in the file at path.
func Load(path string) (Header, []Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return Header{}, nil, err
	}
	defer f.Close()
	var events []Event
	h, err := Read(f, func(e Event) { events = append(events, e) })
	if err != nil && !errors.Is(err, ErrTruncated) {
		return h, nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, events, err
}

func decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value on the line")
	}
	return nil
}

// readLine returns a line without its newline, and whether the newline was there.
func readLine(br *bufio.Reader) (line []byte, whole bool, err error) {
	for {
		part, err := br.ReadSlice('\n')
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
