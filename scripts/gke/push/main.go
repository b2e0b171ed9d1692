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
	"path"
	"syscall"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/registry"
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
	to, err := registry.Parse(args[2])
	if err != nil {
		return exitcode.With(exitcode.Usage, err)
	}
	fixtures, err := run.Fixtures()
	if err != nil {
		return err
	}
	w, err := workload.Load(fixtures, args[0])
	if err != nil {
		return err
	}
	made, err := environment.Images(ctx, &environment.Options{Context: args[1], Log: func(line string) { fmt.Println(line) }}, w)
	if err != nil {
		return err
	}
	app := path.Base(w.Profile.Spec.Images[0].Name)
	for name, im := range map[string]image.Image{app: made.App, "agent": made.Agent} {
		p, err := to.Push(ctx, name, registry.Archive{File: im.Tar, ID: im.ID})
		if err != nil {
			return err
		}
		fmt.Println(p)
	}
	return nil
}
