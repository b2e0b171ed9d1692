package secrets

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// brokenOff is a source that ends with an error in the middle of a line.
type brokenOff struct{ io.Reader }

func (b brokenOff) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A stream that is ended within a secret leaves no part of it, however short.
func TestCopyOfWhatBreaksOff(t *testing.T) {
	var r Redactor
	const secret = "s3cr3t-0f-the-sh0p-42"
	r.Guard([]byte(secret))
	for n := 1; n < len(secret); n++ {
		var out strings.Builder
		err := r.Copy(&out, brokenOff{strings.NewReader("one\n" + strings.Repeat("x", 200) + " two " + secret[:n])})
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(out.String(), "one\nx") || strings.Contains(out.String(), "two "+secret[:1]) {
			t.Errorf("%d: %v %q", n, err, out.String())
		}
	}
}
