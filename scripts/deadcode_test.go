package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// deadcode.sh fails for what is not allowed, and where the program itself fails.
func TestDeadcode(t *testing.T) {
	const allowed, dead = "e2e/erldist/cookie.go:1:2: unreachable func: Cookie.Empty", "e2e/target/x.go:3:4: unreachable func: X"
	for name, c := range map[string]struct {
		everywhere, programs, says string
		code, want                 string
	}{
		"nothing":                {"", "", "", "0", "0"},
		"allowed":                {"", allowed, "", "0", "0"},
		"a folder":               {"", "e2e/recording/recordingtest/x.go:1:2: unreachable func: X", "", "0", "0"},
		"for its own tests only": {"", allowed + "\n" + dead, dead + " (but for tests of its own package)\n", "0", "1"},
		"for nothing at all":     {allowed, "", allowed + "\n", "0", "1"},
		"the program fails":      {"", "", "", "3", "3"},
	} {
		tool := filepath.Join(t.TempDir(), "deadcode")
		text := "#!/bin/sh\nif [ \"$2\" = ./... ]; then printf '" + c.everywhere + "'; else printf '" + c.programs + "'; fi\nexit " + c.code + "\n"
		if err := os.WriteFile(tool, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `scripts/deadcode.sh "$0"; echo exit $?`, tool)
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != c.says+"exit "+c.want+"\n" {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
