package workload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
)

// Every profile of fixtures/bad-profiles is refused with exactly the sentence that stands beside it, before anything is made.
func TestBadProfiles(t *testing.T) {
	names := Names(fixtures, "bad-profiles")
	if len(names) < 25 {
		t.Fatalf("only %d bad profiles", len(names))
	}
	var ids []string
	for _, c := range rules.All() {
		ids = append(ids, c.ID)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir, l := filepath.Join(fixtures, "bad-profiles", name), Loader{Fixtures: fixtures, Checks: ids, Announce: func(string) {}}
			if name == "command-hangs" {
				l.Limit = 3 * time.Second // enough for a busy machine to hear its first words
			}
			want, err := os.ReadFile(filepath.Join(dir, "expected.txt"))
			if err != nil {
				t.Error(err)
			}
			_, err = l.Load(t.Context(), dir)
			if err == nil {
				t.Fatal("it is taken for good")
			}
			got := strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
			if got != string(want) {
				t.Errorf("it says\n%sand has to say\n%s", got, want)
			}
			if code := exitcode.Of(err); code != exitcode.Usage {
				t.Errorf("exit code %d, want %d", code, exitcode.Usage)
			}
		})
	}
}
