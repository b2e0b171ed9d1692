package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lintCase is manifests, and what lint has to say of them.
type lintCase struct {
	manifests string
	code      int
	says, not []string
}

func lintEach(t *testing.T, cases map[string]lintCase) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "app.yaml"), []byte(c.manifests), 0o600); err != nil {
				t.Fatal(err)
			}
			out, code, err := meshproof(t, "lint", dir)
			if err != nil || code != c.code {
				t.Errorf("exit code %d, %v, want %d\n%s", code, err, c.code, out)
			}
			for _, part := range c.says {
				if !strings.Contains(out, part) {
					t.Errorf("it does not say %q\n%s", part, out)
				}
			}
			for _, part := range c.not {
				if strings.Contains(out, part) {
					t.Errorf("it says %q\n%s", part, out)
				}
			}
		})
	}
}
