package secrets

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of what is unpacked, against an archive that was made to unpack without end.
const (
	depthLimit    = 6       // of archives in each other
	unpackedLimit = 4 << 30 // of one file
	zipLimit      = 256 << 20
)

const inArchive = " in what is compressed in it"

// kindOf is what sort of archive comes next, "" for none.
func kindOf(in *bufio.Reader) string {
	head, _ := in.Peek(512) // a shorter file has a shorter head
	for _, k := range []struct {
		at          int
		magic, kind string
	}{
		{0, "\x1f\x8b", "gzip"}, {0, "BZh", "bzip2"}, {0, "PK\x03\x04", "zip"}, {257, "ustar", "tar"},
		{0, "\xfd7zXZ\x00", "xz"}, {0, "\x28\xb5\x2f\xfd", "zstd"},
	} {
		if k.at < len(head) && bytes.HasPrefix(head[k.at:], []byte(k.magic)) {
			return k.kind
		}
	}
	return ""
}

// content searches what in gives, and, where it is an archive, what is in it.
func (s *search) content(in *bufio.Reader, where string, depth int) error {
	kind := kindOf(in)
	if kind == "" {
		return s.stream(in, where)
	}
	if depth == depthLimit {
		return fmt.Errorf("it has more than %d archives in each other", depthLimit)
	}
	inner := func(r io.Reader) error {
		return s.content(bufio.NewReader(&limited{r, &s.left}), inArchive, depth+1)
	}
	switch kind {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return err
		}
		return inner(z)
	case "bzip2":
		return inner(bzip2.NewReader(in))
	case "tar":
		return s.tar(in, inner)
	case "zip":
		return s.zip(in, inner)
	}
	return fmt.Errorf("it is compressed with %s, which cannot be read here", kind)
}

func (s *search) tar(in *bufio.Reader, inner func(io.Reader) error) error {
	for t := tar.NewReader(in); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return s.stream(in, inArchive) // what follows its end, and whether it is cut off
		}
		if err != nil {
			return err
		}
		s.chunk(fmt.Sprint(h.Name, "\n", h.Linkname, "\n", h.Uname, "\n", h.Gname, "\n", h.PAXRecords), inArchive)
		if err = inner(t); err != nil {
			return err
		}
	}
}

func (s *search) zip(in io.Reader, inner func(io.Reader) error) error {
	data, err := io.ReadAll(io.LimitReader(in, zipLimit+1))
	if err != nil {
		return err
	}
	if len(data) > zipLimit {
		return fmt.Errorf("it is a zip archive of more than %d MB", zipLimit>>20)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	s.chunk(z.Comment, inArchive)
	for _, f := range z.File {
		s.chunk(strings.Join([]string{f.Name, f.Comment, string(f.Extra)}, "\n"), inArchive)
		r, err := f.Open()
		if err != nil {
			return err
		}
		if err = errors.Join(inner(r), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// limited reads what is unpacked until all of a file's archives together have given as much as is allowed.
type limited struct {
	r    io.Reader
	left *int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if *l.left -= int64(n); *l.left < 0 {
		return 0, fmt.Errorf("it unpacks to more than %d MB", unpackedLimit>>20)
	}
	return n, err
}
