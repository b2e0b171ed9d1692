package files_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/files"
)

// Nothing but a regular file is read, and nothing hangs.
func TestOnlyRegularFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link": "file", "link-to-fifo": "fifo"} {
		if err := os.Symlink(to, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(in("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for path, says := range map[string]string{
		in("file"): "", in("link"): "", in("fifo"): "fifo is a named pipe", in("link-to-fifo"): "link-to-fifo is a named pipe", in("socket"): "socket is a socket",
		dir: dir + " is a folder", "/dev/zero": "/dev/zero is a device", in("nothing"): "no such file",
	} {
		read := make(chan error, 1)
		go func() {
			data, err := files.Read(path)
			if err == nil && string(data) != "text" {
				t.Errorf("%s: %q", path, data)
			}
			read <- err
		}()
		select {
		case err := <-read:
			if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("%s: %v, want %q", path, err, says)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("reading %s hangs", path)
		}
	}
}

func TestLargeFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large")
	for size, says := range map[int64]string{files.Limit: "", files.Limit + 1: "large is larger than 32 MB"} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil { // it takes no room
			t.Fatal(err)
		}
		data, err := files.Read(path)
		if says == "" && (err != nil || int64(len(data)) != size) || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%d bytes: %d read, %v", size, len(data), err)
		}
	}
}
