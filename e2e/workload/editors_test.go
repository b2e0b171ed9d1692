package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each profile of ours tells editors where its schema is: whoever opens one to learn from it is helped as they type.
func TestProfilesNameTheirSchema(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixtures, "profiles", "*", "profile.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no profile: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		path, is := strings.CutPrefix(first, "# yaml-language-server: $schema=")
		if !is {
			t.Errorf("%s begins with %q, not with its schema", f, first)
			continue
		}
		there, err := filepath.Abs(filepath.Join(filepath.Dir(f), path))
		want, _ := filepath.Abs("../../docs/profile.schema.json")
		if err != nil || there != want {
			t.Errorf("%s names %s as its schema, and it is %s", f, there, want)
		}
	}
}
