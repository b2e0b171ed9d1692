// Package files reads files that somebody else named or wrote: manifests, profiles, recordings. Only regular files are read. A FIFO
// among the manifests would never end, and a device may do something when it is opened.
//
// In: a path. Out: the file, or an error that says what the path is instead. It imports nothing of ours.
package files

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Limit is how large a manifest or a profile may be.
const Limit = 32 << 20

// Open opens a regular file to read it.
func Open(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err = regular(path, st); err != nil {
		return nil, err
	}
	// Another file may take its place before it is opened. With O_NONBLOCK that does not wait for whoever writes into a FIFO.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if st, err = f.Stat(); err == nil {
		err = regular(path, st)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Read reads a whole regular file of at most Limit bytes.
func Read(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return All(path, f)
}

// All reads to the end of something that has at most Limit bytes; what names it for people.
func All(what string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, Limit+1))
	if err == nil && len(data) > Limit {
		err = fmt.Errorf("%s is larger than %d MB", what, Limit>>20)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// regular says what the path is if it is not a regular file.
func regular(path string, st fs.FileInfo) error {
	what := "not a file"
	switch mode := st.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return fmt.Errorf("%s is %s, and only regular files are read", path, what)
}
