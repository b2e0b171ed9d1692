package secrets

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Leaks searches all files under dir, compressed ones too, and their names for guarded secrets in all their forms. It returns a
// line for each file and form, "FILE: FORM", sorted, without the value. A file that could not be searched completely is an error,
// because it may contain a secret.
func (r *Redactor) Leaks(dir string) ([]string, error) {
	s := r.search()
	if len(s.forms) == 0 && len(s.near) == 0 {
		return nil, nil
	}
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		s.file, err = filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		s.chunk([]byte(d.Name()), " in its name")
		if d.Type().IsRegular() {
			if err = s.open(path); err != nil {
				errs = append(errs, fmt.Errorf("%s could not be searched completely: %w", s.file, err))
			}
		}
		return nil
	})
	slices.Sort(s.found)
	return slices.Compact(s.found), errors.Join(append(errs, err)...)
}

// search is one search under way.
type search struct {
	forms   []form
	near    []*regexp.Regexp
	overlap int
	file    string
	found   []string
}

func (r *Redactor) search() *search {
	s := &search{overlap: r.overlap()}
	r.mu.RLock()
	defer r.mu.RUnlock()
	s.forms, s.near = slices.Clone(r.forms), slices.Clone(r.near)
	return s
}

// open searches one file: as it is, and, where it is compressed, what is in it. The files of an archive lie in it one
// after the other, each in one piece.
func (s *search) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if !packed(in) {
		return s.stream(in, "")
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	return s.stream(z, " in what is compressed in it")
}

// packed reports whether gzip's magic number comes next.
func packed(in *bufio.Reader) bool {
	magic, err := in.Peek(2)
	return err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b})
}

// stream searches all that in gives, also where two buffers meet.
func (s *search) stream(in io.Reader, where string) error {
	buf := make([]byte, 1<<20+s.overlap)
	held := 0
	for {
		n, err := io.ReadFull(in, buf[held:])
		s.chunk(buf[:held+n], where)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			// ReadFull says it of a buffer that is not full, gzip of an archive that is cut off.
			_, err = in.Read(make([]byte, 1))
			if errors.Is(err, io.EOF) {
				return nil
			}
		}
		if err != nil {
			return err
		}
		held = copy(buf, buf[max(0, held+n-s.overlap):held+n])
	}
}

func (s *search) chunk(b []byte, where string) {
	longer := ""
	for _, f := range s.forms {
		// What is part of a longer form that was found is no other leak.
		if bytes.Contains(b, []byte(f.text)) && !strings.Contains(longer, f.text) {
			longer += f.text + "\n"
			s.found = append(s.found, s.file+": "+f.name+where)
		}
	}
	for _, n := range s.near {
		if n.Match(b) {
			s.found = append(s.found, s.file+": after the word cookie"+where)
		}
	}
}
