package secrets

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lineBuffer is how much of a line is held at once.
const lineBuffer = 64 << 10

// Copy copies lines without their secrets until src ends. A line of any length is copied whole; a secret in it is found
// also where two buffers meet. Of a line in which src breaks off the end is left out.
func (r *Redactor) Copy(dst io.Writer, src io.Reader) error {
	in := bufio.NewReaderSize(src, lineBuffer)
	held := ""
	for {
		part, err := in.ReadSlice('\n')
		held += string(part)
		if errors.Is(err, bufio.ErrBufferFull) {
			now := r.compiled() // in each line: a cookie may have become known
			text := now.whole(held)
			end := max(0, len(text)-now.overlap())
			if _, werr := io.WriteString(dst, text[:end]); werr != nil {
				return werr
			}
			held = text[end:]
			continue
		}
		line, newline := strings.CutSuffix(held, "\n")
		held = r.Text(line)
		if newline {
			held += "\n"
		} else if err != nil && !errors.Is(err, io.EOF) {
			held = r.Head(line) // src broke off, perhaps within a secret
		}
		if _, werr := io.WriteString(dst, held); werr != nil {
			return werr
		}
		held = ""
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Tree rewrites the files under dir without the secrets in them, except compressed ones.
func (r *Redactor) Tree(dir string) error {
	if !r.Guards() {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return r.file(path)
	})
}

func (r *Redactor) file(path string) error {
	src, err := os.Open(path)
	if err != nil {
		return err
	}
	defer src.Close()
	in := bufio.NewReader(src)
	if kindOf(in) != "" {
		return nil
	}
	dst, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	if err = errors.Join(r.Copy(dst, in), dst.Close()); err != nil {
		_ = os.Remove(dst.Name())
		return err
	}
	return os.Rename(dst.Name(), path)
}
