package elsewhere

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meshproof.dev/meshproof/e2e/target/keeper"
)

func TestMain(m *testing.M) {
	keeper.RunIfKeeper()
	os.Exit(m.Run())
}

// program is the meshproof binary, built once, and the checkout that it runs in.
type program struct{ bin, root string }

func build(t *testing.T) program {
	t.Helper()
	if os.Getenv("MESHPROOF_ELSEWHERE_TEST") == "" {
		t.Skip("makes a cluster and runs on it, which takes long; make elsewhere runs it (MESHPROOF_ELSEWHERE_TEST=1)")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	p := program{bin: filepath.Join(t.TempDir(), "meshproof"), root: root}
	c := exec.Command("go", "build", "-o", p.bin, "./e2e/cmd/meshproof")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return p
}

// runLimit is how long a run may take.
const runLimit = 5 * time.Minute

// run runs the program until it has ended, and returns what it printed. env has what differs from the environment of the test.
func (p program) run(t *testing.T, env []string, code int, args ...string) (output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runLimit)
	defer cancel()
	c := exec.CommandContext(ctx, p.bin, args...)
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(os.Interrupt) }, time.Minute
	var out bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = p.root, append(os.Environ(), env...), &out, &out
	began := time.Now()
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		t.Errorf("%s ended with %d, want %d:\n%s", strings.Join(args, " "), got, code, out.String())
	}
	t.Logf("meshproof %s: %.0f s", strings.Join(args, " "), time.Since(began).Seconds())
	return out.String()
}

// says looks for each text in what was printed.
func says(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("it does not say %q:\n%s", text, output)
		}
	}
}
