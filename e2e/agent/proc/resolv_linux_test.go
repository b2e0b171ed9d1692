package proc

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestHostileResolvConf(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("nameserver 10.66.66.66\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(path string) error
		want []string
		says string
	}{
		"many":       {text("search a.b\nnameserver 10.0.0.1\n# nameserver 10.0.0.9\n nameserver 10.0.0.2 \nnameserver fd00::3\nnameserver 10.0.0.4\n"), []string{"10.0.0.1", "10.0.0.2", "fd00::3"}, ""},
		"names":      {text("nameserver evil.example\nnameserver 10.0.0.1\n"), []string{"10.0.0.1"}, ""},
		"link out":   {func(p string) error { return os.Symlink(outside, p) }, nil, "no such file"},
		"link up":    {func(p string) error { return os.Symlink("../../../../../../../.."+outside, p) }, nil, "no such file"},
		"link in":    {linkIn, []string{"10.0.0.7"}, ""},
		"pipe":       {func(p string) error { return syscall.Mkfifo(p, 0o600) }, nil, "not a regular file"},
		"device":     {func(p string) error { return syscall.Mknod(p, syscall.S_IFCHR|0o600, 1<<8|5) }, nil, ""}, // /dev/zero
		"directory":  {func(p string) error { return os.Mkdir(p, 0o700) }, nil, "not a regular file"},
		"no newline": {text(strings.Repeat("x", 10<<20)), nil, "has no nameserver"},
		"missing":    {func(string) error { return nil }, nil, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			etc := filepath.Join(root, "7", "root", "etc")
			if err := os.MkdirAll(etc, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := c.make(filepath.Join(etc, "resolv.conf")); err != nil {
				t.Skip(err)
			}
			type result struct {
				servers []string
				err     error
			}
			done := make(chan result, 1)
			go func() {
				conf, err := FS(root).Lookup(7)
				done <- result{conf.Servers, err}
			}()
			select {
			case r := <-done:
				if !slices.Equal(r.servers, c.want) || (r.err == nil) != (c.want != nil) || r.err != nil && !strings.Contains(r.err.Error(), c.says) {
					t.Errorf("%v, %v; want %v, an error that says %q", r.servers, r.err, c.want, c.says)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("Lookup hangs")
			}
		})
	}
}

func text(s string) func(string) error {
	return func(p string) error { return os.WriteFile(p, []byte(s), 0o600) }
}

// linkIn is an absolute link, as systemd-resolved makes one. It is resolved inside the container's root.
func linkIn(p string) error {
	run := filepath.Join(filepath.Dir(p), "../run")
	if err := os.Mkdir(run, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(run, "stub.conf"), []byte("nameserver 10.0.0.7\n"), 0o600); err != nil {
		return err
	}
	return os.Symlink("/run/stub.conf", p)
}
