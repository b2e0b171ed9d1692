// Command reaper removes what a run made on a cluster that is not ours, when the run no longer renews its Lease. It runs as an
// unprivileged pod in the run's namespace; see package ownership/reaper.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"meshproof.dev/meshproof/e2e/ownership/reaper"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "reaper:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	api, err := reaper.InCluster()
	if err != nil {
		return err
	}
	tick := time.NewTicker(reaper.Interval)
	defer tick.Stop()
	reaper.Run(ctx, api, tick.C, func(line string) { fmt.Println(time.Now().UTC().Format(time.RFC3339), line) })
	return nil
}
