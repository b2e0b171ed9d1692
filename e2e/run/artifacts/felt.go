package artifacts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// feltPrefix begins what a line of a log tells of a peer; before it there may be what a logger writes first.
const feltPrefix = "felt {"

// What is read of it at most: of a line, and of the log of one start of a container.
const (
	feltLine  = 1 << 10
	feltLines = 2000
)

// felt finds in a log what the application noticed of its peers. It is the writer that the log is copied to. A line that is not as
// it should be is none of them.
type felt struct {
	pod   string
	start time.Time // t = 0
	tell  func(recording.Felt)
	many  func() // called once, where there are more than are read

	line []byte // so far
	skip bool   // until it ends: it is too long
	told map[recording.Felt]bool
}

func (f *felt) Write(p []byte) (int, error) {
	n := len(p)
	for {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		if f.skip = f.skip || len(f.line)+len(part) > feltLine; f.skip {
			f.line = f.line[:0]
		} else {
			f.line = append(f.line, part...)
		}
		if !whole {
			return n, nil
		}
		if !f.skip {
			f.read(f.line)
		}
		p, f.line, f.skip = rest, f.line[:0], false
	}
}

// broke begins a new line: the log is read again from a moment before the connection broke.
func (f *felt) broke() { f.line, f.skip = f.line[:0], false }

// read tells of a line. One that is read a second time is told once.
func (f *felt) read(line []byte) {
	one, is := parseFelt(line, f.start)
	if !is || f.told[one] {
		return
	}
	if f.told == nil {
		f.told = map[recording.Felt]bool{}
	}
	switch len(f.told) {
	case feltLines:
		f.told[one] = true
		f.many()
	case feltLines + 1:
	default:
		f.told[one] = true
		one.Pod = f.pod
		f.tell(one)
	}
}

// nodeName is what a peer may be called.
var nodeName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,200}@[A-Za-z0-9_.:-]{1,255}$`)

// mostFor is longer than any run.
const mostFor = 30 * 24 * time.Hour

// parseFelt reads what a line tells of a peer, without the pod.
func parseFelt(line []byte, start time.Time) (recording.Felt, bool) {
	at := bytes.Index(line, []byte(feltPrefix))
	if at < 0 || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' {
		return recording.Felt{}, false
	}
	var x struct {
		What     string `json:"what"`
		Peer     string `json:"peer"`
		Is       string `json:"is"`
		At       int64  `json:"at_us"`
		For      int64  `json:"for_us"`
		Messages int    `json:"messages"`
	}
	if json.Unmarshal(line[at+len(feltPrefix)-1:], &x) != nil {
		return recording.Felt{}, false
	}
	f := recording.Felt{
		What: x.What, Peer: x.Peer, Up: x.Is == "up", At: time.UnixMicro(x.At).Sub(start),
		For: time.Duration(x.For) * time.Microsecond, Messages: x.Messages,
	}
	known := slices.Contains([]string{recording.FeltNode, recording.FeltMessage, recording.FeltGlobal, recording.FeltPg}, f.What)
	switch {
	case !known, !f.Up && x.Is != "down", !nodeName.MatchString(f.Peer),
		f.At < -mostFor, f.At > mostFor,
		x.For < 0, x.For > mostFor.Microseconds(), x.Messages < 0, x.Messages > 1e9,
		!f.Up && (x.For > 0 || x.Messages > 0):
		return recording.Felt{}, false
	}
	return f, true
}

// feltIn looks for such lines in the log.
func (l *log) feltIn() *felt {
	return &felt{pod: l.pod.UID, start: l.Start, tell: func(f recording.Felt) {
		if f.Peer = l.redactor.Text(f.Peer); l.Felt != nil {
			l.Felt(f)
		}
	}, many: func() {
		l.report(fmt.Sprintf("container %s (start %d) has more than %d lines that begin with %q: the others are not read", l.container.Name, l.container.Restarts, feltLines, feltPrefix))
	}}
}
