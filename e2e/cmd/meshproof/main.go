// Command meshproof proves with evidence whether a BEAM application forms, keeps and repairs its cluster on Kubernetes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/keeper"
)

func main() {
	keeper.RunIfKeeper()
	os.Exit(start())
}

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var code int
	cmd := root(&code)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "meshproof:", err)
		return exitcode.Of(err)
	}
	return code
}
