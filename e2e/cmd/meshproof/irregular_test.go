package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
)

// A named pipe or an endless file where a file was meant is refused in a moment: nothing waits for a writer, and memory is bounded.
func TestIrregularFiles(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {clusterIP: None, selector: {app: x}}\n"
	const profile = "apiVersion: meshproof.dev/v1alpha1\nkind: Profile\nmetadata: {name: shop}\nspec:\n  manifests: [odd.yaml]\n  cookie: {secretKeyRef: {name: s, key: k}}\n"
	folder := func(odd func(path string) error) string {
		dir := t.TempDir()
		for name, text := range map[string]string{"k8s/good.yaml": service, "shop/profile.yaml": profile} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"k8s/odd.yaml", "shop/odd.yaml"} {
			if err := odd(filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	pipe := folder(func(path string) error { return syscall.Mkfifo(path, 0o600) })
	endless := folder(func(path string) error { return os.Symlink("/dev/zero", path) })
	large := folder(func(path string) error {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		return os.Truncate(path, files.Limit+1)
	})
	for dir, says := range map[string]string{pipe: "is a named pipe", endless: "is a device", large: "is larger than 32 MB"} {
		for _, args := range [][]string{
			{"lint", filepath.Join(dir, "k8s")}, {"init", filepath.Join(dir, "k8s")}, {"init", filepath.Join(dir, "k8s", "odd.yaml")},
			{"lint", filepath.Join(dir, "shop")}, {"judge", filepath.Join(dir, "k8s", "odd.yaml")},
		} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, code, err := meshproof(t, args...)
				what := says
				if args[0] == "judge" && dir == large { // a recording may be large, and is not read as a whole
					what = "line 1: longer than"
				}
				if err == nil || code != exitcode.Usage || !strings.Contains(err.Error(), what) {
					t.Errorf("%v: exit code %d, error %v, want one that says %q", args, code, err, what)
				}
			}()
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatalf("%v hangs", args)
			}
		}
	}
}
