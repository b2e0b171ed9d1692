package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/run/killmatrix"
	"meshproof.dev/meshproof/e2e/target"
	"meshproof.dev/meshproof/reports"
)

// root is the command with its subcommands. code is what the process exits with when no error says otherwise.
func root(code *int) *cobra.Command {
	c := &cobra.Command{
		Use:           "meshproof",
		Short:         "Does this BEAM application really form, keep and repair its cluster on Kubernetes?",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exitcode.With(exitcode.Usage, err) })
	c.AddCommand(runCommand(code), killMatrixCommand(code), lintCommand(code), judgeCommand(code), checksCommand(), schemaCommand(), initCommand(), clusterCommand())
	return c
}

// common are the flags of everything that uses a cluster.
func common(c *cobra.Command, o *run.Options) {
	f := c.Flags()
	f.StringVar(&o.OTP, "otp", "", "Erlang/OTP release of the application's image (default: the pinned one)")
	f.StringVar(&o.K8S, "k8s", "", "Kubernetes version of the cluster that is made (default: the pinned one)")
	f.IntVar(&o.Nodes, "nodes", 1, "nodes of the cluster that is made")
	f.BoolVar(&o.Keep, "keep", false, "leave the cluster to the next run")
	f.StringVar(&o.Context, "context", "", "use the cluster of this kubeconfig context and make none")
	f.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file of --context")
	f.Int64Var(&o.Seed, "seed", 0, "decides which pod is deleted (default: by chance, and said in the report)")
	o.NoInstall, o.Engine, o.Log = run.NoInstallFromEnv(), os.Getenv("ENGINE"), progress(time.Now())
}

// progress prints lines with the time since the start.
func progress(began time.Time) func(string) {
	return func(line string) { fmt.Printf("%6.1f s  %s\n", time.Since(began).Seconds(), line) }
}

func usage(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		return exitcode.With(exitcode.Usage, cobra.MaximumNArgs(n)(c, args))
	}
}

func runCommand(code *int) *cobra.Command {
	var o run.Options
	c := &cobra.Command{Use: "run [PROFILE…]", Short: "deploy profiles, record them, judge them; all at the same time, each in a namespace of its own"}
	names := c.Flags().StringSliceP("file", "f", []string{"dns-a"}, "profiles: names among the fixtures, folders, or files")
	common(c, &o)
	pods(c, &o)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			*names = args
		}
		fixtures, err := run.Fixtures()
		if err != nil {
			return err
		}
		ws, err := loader(fixtures).LoadAll(c.Context(), *names)
		if err != nil {
			*code = refused(o, err)
			return nil
		}
		r, dir, err := run.Run(c.Context(), o, ws)
		if err != nil {
			return err
		}
		reports.Profiles(os.Stdout, r.Profiles)
		reports.Closing(os.Stdout, r, dir)
		*code = r.Exit.Code
		return nil
	}
	return c
}

// pods is the flag of what runs several workloads side by side.
func pods(c *cobra.Command, o *run.Options) {
	c.Flags().IntVar(&o.Pods, "pods", 0, "how many pods may run at the same time (default: what this machine bears)")
}

// refused writes and prints the results of a run that did not begin.
func refused(o run.Options, why error) int {
	r, dir := run.Refused(o, why)
	reports.Closing(os.Stdout, r, dir)
	return r.Exit.Code
}

func killMatrixCommand(code *int) *cobra.Command {
	var o run.Options
	c := &cobra.Command{Use: "kill-matrix [MUTANT…]", Short: "prove that the checks can fail: run the broken variants"}
	common(c, &o)
	pods(c, &o)
	c.RunE = func(c *cobra.Command, mutants []string) error {
		fixtures, err := run.Fixtures()
		if err != nil {
			return err
		}
		m, err := killmatrix.Run(c.Context(), o, fixtures, mutants...)
		if err != nil {
			*code = refused(o, err)
			return nil
		}
		reports.ConsoleMatrix(os.Stdout, m)
		*code = m.Run.Exit.Code
		return nil
	}
	return c
}

func clusterCommand() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "clusters that we made"}
	c.AddCommand(&cobra.Command{Use: "clean", Short: "remove the clusters that we made, and only those", Args: usage(0), RunE: func(c *cobra.Command, _ []string) error {
		cache, err := image.CacheDir()
		if err != nil {
			return err
		}
		return target.Clean(c.Context(), filepath.Join(cache, "state"), progress(time.Now()))
	}})
	return c
}
