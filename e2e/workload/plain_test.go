package workload

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatIsPlain(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"shop.yaml": deployment("shop", "app: shop"), "mine.yaml": "kind: Profile\n", "typo.yaml": "apiVersion: meshproof.dev/v2\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := Loader{Fixtures: "../../fixtures"}
	for path, want := range map[string]bool{
		"dns-a": false, Stdin: true, dir: true, filepath.Join(dir, "shop.yaml"): true, filepath.Join(dir, "mine.yaml"): false,
		filepath.Join(dir, "typo.yaml"): false, filepath.Join(dir, "not-there.yaml"): false, "../../fixtures/profiles/dns-a": false,
	} {
		if got := l.Plain(path); got != want {
			t.Errorf("%s is plain: %t", path, got)
		}
	}
}
