// Command meshproof proves with evidence whether a BEAM application forms, keeps and repairs its cluster on Kubernetes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/target/keeper"
	"meshproof.dev/meshproof/reports"
)

func main() {
	keeper.RunIfKeeper()
	os.Exit(start())
}

func start() int {
	ctx, stop := run.Interruptible(context.Background())
	defer stop()
	return execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// execute runs the command line, and gives what the process exits with.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	c := root(&code)
	c.SetArgs(args)
	c.SetOut(stdout)
	c.SetErr(stderr)
	err := guard.Try(func() error { return c.ExecuteContext(ctx) })
	if err == nil {
		return code
	}
	fmt.Fprintln(stderr, "meshproof:", err)
	if reportAsked(args) {
		r := &reports.Run{Started: time.Now()}
		r.Close(err, time.Now())
		_ = reports.JSON(stdout, r)
	}
	return exitcode.Of(err)
}

// reportAsked reports whether a command that prints a report was asked for it as JSON: whoever reads that gets a report also where
// the command was refused, be it for a wrong flag before this one. The exit code says the same.
func reportAsked(args []string) bool {
	if len(args) == 0 || !slices.Contains([]string{"run", "lint", "judge", "inspect"}, args[0]) {
		return false
	}
	for i, a := range args {
		switch a {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			if i+1 < len(args) && args[i+1] == "json" {
				return true
			}
		}
	}
	return false
}
