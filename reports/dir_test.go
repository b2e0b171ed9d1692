package reports

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"meshproof.dev/meshproof/e2e/judge"
)

// TestRunsOfOneSecondHaveFoldersOfTheirOwn: runs in one checkout that begin and end at the same time.
func TestRunsOfOneSecondHaveFoldersOfTheirOwn(t *testing.T) {
	root := t.TempDir()
	var wg sync.WaitGroup
	var mu sync.Mutex
	dirs := map[string]bool{}
	for range 16 {
		wg.Go(func() {
			dir, err := NewDir(root, began)
			if err != nil {
				t.Error(err)
				return
			}
			r := run(judge.Pass)
			r.Close(nil, began)
			for range 20 {
				if err = Write(dir, r); err != nil {
					t.Error(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			dirs[filepath.Base(dir)] = true
		})
	}
	wg.Wait()
	if len(dirs) != 16 {
		t.Errorf("16 runs have %d folders", len(dirs))
	}
	latest, err := os.Readlink(filepath.Join(root, "latest"))
	if err != nil || !dirs[latest] {
		t.Errorf("latest is %q, %v", latest, err)
	}
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 17 {
		t.Errorf("left: %v %v", entries, err)
	}
}
