package workload

import (
	"os"
	"path/filepath"
	"testing"
)

// A name alone is one of our profiles; with a slash it is the user's own, whatever it is called.
func TestOnesOwnFolderOfThatName(t *testing.T) {
	fixtures, err := filepath.Abs("../../fixtures")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err = os.Mkdir("dns-a", 0o700); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join("dns-a", "profile.yaml")
	if err = os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"dns-a": filepath.Join(fixtures, "profiles", own), "./dns-a": own, own: own, "dns-a/": own} {
		if got, err := locate(fixtures, name); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", name, got, err, want)
		}
	}
}
