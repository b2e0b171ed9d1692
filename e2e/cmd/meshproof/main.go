// Command meshproof proves with evidence whether a BEAM application forms, keeps and repairs its cluster on Kubernetes.
package main

import (
	"context"
	"fmt"
	"os"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/target/keeper"
)

func main() {
	keeper.RunIfKeeper()
	os.Exit(start())
}

func start() int {
	ctx, stop := run.Interruptible(context.Background())
	defer stop()
	var code int
	if err := guard.Try(func() error { return root(&code).ExecuteContext(ctx) }); err != nil {
		fmt.Fprintln(os.Stderr, "meshproof:", err)
		return exitcode.Of(err)
	}
	return code
}
