// Command push builds the images of a profile and pushes them to a registry, as meshproof run --push does before it deploys. It
// deploys nothing: make gke-push shows with it that images reach the registry.
//
// In: a profile, the context of a cluster, HOST/PATH. Out: one line per image, with its digest.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/run/environment"
	"meshproof.dev/meshproof/e2e/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := push(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "push:", err)
		os.Exit(exitcode.Of(err))
	}
}

func push(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return exitcode.With(exitcode.Usage, fmt.Errorf("usage: push PROFILE CONTEXT HOST/PATH"))
	}
	fixtures, err := run.Fixtures()
	if err != nil {
		return err
	}
	w, err := workload.Load(fixtures, args[0])
	if err != nil {
		return err
	}
	_, err = environment.Images(ctx, &environment.Options{Context: args[1], Push: args[2], Log: func(line string) { fmt.Println(line) }}, w)
	return err
}
