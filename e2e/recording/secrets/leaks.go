package secrets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Leaks searches all files under dir, what is compressed in them, and their names for guarded secrets in all their forms, also where
// they are broken by line breaks and spaces. It returns a line for each file and form, "FILE: FORM", sorted, without the value.
// A file that could not be searched completely is an error, because it may contain a secret.
func (r *Redactor) Leaks(dir string) ([]string, error) {
	if !r.Guards() {
		return nil, nil
	}
	s := r.search()
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		s.file, err = filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		s.chunk(d.Name(), " in its name")
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
	*compiled
	joined, dense *matcher
	overlap       int
	file          string
	left          int64 // of what may be unpacked from the file
	found         []string
}

// wrapped is by how much line breaks, indentation and the beginnings of lines may make a secret longer.
const wrapped = 3

func (r *Redactor) search() *search {
	c := r.compiled()
	return &search{compiled: c, joined: newMatcher(joinedForms(c.forms)), dense: newMatcher(denseForms(c.forms)), overlap: wrapped * (c.overlap() + maxNear)}
}

// open searches one file.
func (s *search) open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	s.left = unpackedLimit
	return s.content(bufio.NewReader(f), "", 0)
}

// stream searches all that in gives, also where two buffers meet.
func (s *search) stream(in io.Reader, where string) error {
	buf := make([]byte, 1<<20+s.overlap)
	held := 0
	for {
		n, err := io.ReadFull(in, buf[held:])
		s.chunk(string(buf[:held+n]), where)
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

// chunk searches a piece of a file. Where it finds a secret in one piece, it looks for no broken ones.
func (s *search) chunk(text, where string) {
	before := len(s.found)
	s.look(s.known, text, where)
	for _, n := range s.near {
		n.each(text, func(lead, _, to int) {
			// The cookie may be a word that we write after the word cookie ourselves.
			if !says(s.public, text[lead:to]) {
				s.found = append(s.found, s.file+": after the word cookie"+where)
			}
		})
	}
	if len(s.found) > before {
		return
	}
	text = joined(text)
	s.look(s.joined, text, ", over several lines"+where)
	s.look(s.dense, dense(text), ", with line breaks or spaces in it"+where)
}

// look searches a text for the forms that the matcher knows.
func (s *search) look(m *matcher, text, where string) {
	found := map[string]form{}
	m.each(text, func(_ int, f form) { found[f.text] = f })
	longer := ""
	for _, f := range longestFirst(found) {
		// What is part of a longer form that was found is no other leak.
		if !strings.Contains(longer, f.text) {
			longer += f.text + "\n"
			s.found = append(s.found, s.file+": "+f.name+where)
		}
	}
}

func longestFirst(found map[string]form) []form {
	var all []form
	for _, f := range found {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b form) int { return len(b.text) - len(a.text) })
	return all
}
