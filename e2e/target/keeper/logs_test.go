package keeper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meshproof.dev/meshproof/e2e/engine"
)

// A node that logs without end does not fill the disk: the first and the last are there, and it is said what is not.
func TestANodesLogIsLimited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "serial.log")
	sh := engine.New("sh", nil)
	err := toFile(t.Context(), sh, path, []string{"-c", "echo first; yes $(printf %0900d 0) | head -c 40000000; echo; echo last >&2"})
	b, rerr := os.ReadFile(path)
	if rerr != nil || len(b) > firstPart+lastPart+100 || !strings.HasPrefix(string(b), "first\n") || !strings.HasSuffix(string(b), "last\n") {
		t.Errorf("%d bytes, %v", len(b), rerr)
	}
	if err == nil || !strings.Contains(err.Error(), "bytes were left out") {
		t.Errorf("nobody is told: %v", err)
	}
	if err = toFile(t.Context(), sh, path, []string{"-c", "echo short"}); err != nil {
		t.Error(err)
	}
}
