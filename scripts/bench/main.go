// Command bench compares, in one run, meshproof with doing the same by hand: the whole end-to-end run with by-hand.sh, and
// a full-mesh view through the agent with kubectl exec.
//
// In: the built e2e binary in the same folder (`make bench` builds both). Out: one table, and exit code 1 if a goal is
// missed.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/run/options"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/e2e/workload"
)

// Goals: not slower than by hand, and a view at least a hundred times faster than eval.
const (
	wholeGoal = 1.0
	viewGoal  = 100.0
)

func main() {
	keeper.RunIfKeeper()
	rounds := flag.Int("rounds", 3, "how often each is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code, err := bench(ctx, *rounds)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = exitcode.Of(err)
		if ctx.Err() != nil {
			code = exitcode.Interrupted
		}
	}
	stop()
	os.Exit(code)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func bench(ctx context.Context, rounds int) (int, error) {
	fixtures, err := run.Fixtures()
	if err != nil {
		return 0, err
	}
	w, err := workload.Load(fixtures, "dns-a")
	if err != nil {
		return 0, err
	}
	said := options.FromEnvironment()
	said.Log = func(s string) { say("  %s", s) }
	b, err := newBench(ctx, &said.Options.Options, w)
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(b.work)

	var whole, hand series
	for i := range rounds {
		say("round %d of %d: make e2e, then by hand", i+1, rounds)
		var d time.Duration
		if d, err = b.whole(ctx); err != nil {
			return 0, err
		}
		var p map[string]series
		if p, err = b.byHand(ctx); err != nil {
			return 0, err
		}
		whole, hand = append(whole, d), append(hand, p["total"]...)
	}
	say("views")
	v, err := b.views(ctx, 10*rounds)
	if err != nil {
		return 0, err
	}
	return b.table(whole, hand, v), nil
}

// whole runs the end-to-end suite as make does, and returns its wall time.
func (b *bencher) whole(ctx context.Context) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(filepath.Dir(self), "e2e.test"), "-profile", "dns-a")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(os.Environ(), "MESHPROOF_E2E=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("make e2e: %w\n%s", err, tail(out.Bytes()))
	}
	return time.Since(began), nil
}

// byHand runs the script with the same images, objects and hold times.
func (b *bencher) byHand(ctx context.Context) (map[string]series, error) {
	return b.script(ctx, "by-hand.sh", nil, "NODE_IMAGE="+b.nodeImage, "APP_IMAGES="+b.appTar, "MANIFESTS="+b.manifests, "NAMESPACE=bench",
		"KIND_CONFIG="+b.kindConfig, "HOLD_FORMED=10", "HOLD_RECOVERED=2")
}

func (b *bencher) script(ctx context.Context, name string, args []string, env ...string) (map[string]series, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(b.root, "scripts", "bench", name), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Env = append(append(os.Environ(), b.engine.Env()...), append(env, "ENGINE="+b.engine.Command())...)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", name, err, tail(trouble.Bytes()))
	}
	return phases(&out)
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

func (b *bencher) table(whole, hand series, v viewTimes) int {
	fmt.Printf("\n%s\n\n", b.machine())
	fmt.Printf("%-46s %-36s %-36s %8s  %s\n", "what", "meshproof", "by hand", "ratio", "goal")
	code := exitcode.OK
	row := func(what string, ours, theirs series, r float64, goal string, met bool) {
		word := goal
		if !met {
			word += "  MISSED"
			code = exitcode.Fail
		}
		fmt.Printf("%-46s %-36s %-36s %8.2f  %s\n", what, ours, theirs, r, word)
	}
	r := ratio(whole, hand)
	row("cluster, deploy, prove, delete (time, ours / by hand)", whole, hand, r, "<= 1", r <= wholeGoal)
	r = ratio(v.eval, v.agent)
	row("view of three nodes: agent against exec eval", v.agent, v.eval, r, ">= 100", r >= viewGoal)
	if len(v.erlCall) > 0 {
		row("view of three nodes: agent against exec erl_call", v.agent, v.erlCall, ratio(v.erlCall, v.agent), "", true)
	}
	fmt.Println("\nAgent's view: the three nodes' own answers one after the other, plus a round trip of the port-forward. kubectl asks the three pods at the same time.")
	return code
}
