package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/image"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/run/killmatrix"
	"meshproof.dev/meshproof/e2e/run/options"
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
	c.AddCommand(runCommand(code), killMatrixCommand(code), lintCommand(code), judgeCommand(code), checksCommand(), schemaCommand(), initCommand(), clusterCommand(), versionCommand())
	return c
}

// bind gives the command the flags of a run, but for those that it does not have.
func bind(c *cobra.Command, without ...string) *options.Values {
	v := options.FromEnvironment()
	v.Log = reports.Console{W: os.Stdout}.Progress(time.Now())
	for _, o := range options.All() {
		if o.Flag == "" || slices.Contains(without, o.Flag) {
			continue
		}
		f := c.Flags().VarPF(o.Value(&v), o.Flag, o.Short, o.Help)
		if o.Kind == options.Switch {
			f.NoOptDefVal = "true"
		}
	}
	return &v
}

func usage(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		return exitcode.With(exitcode.Usage, cobra.MaximumNArgs(n)(c, args))
	}
}

func runCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "run [PROFILE…]", Short: "deploy profiles, record them, judge them; all at the same time, each in a namespace of its own"}
	v := bind(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			v.Profiles = args
		}
		fixtures, err := run.Fixtures()
		if err != nil {
			return err
		}
		out := reports.Console{W: os.Stdout, Verbose: v.Verbose}
		ws, err := loader(fixtures).LoadAll(c.Context(), v.Profiles)
		if err != nil {
			*code = refused(out, v.Options, err)
			return nil
		}
		r, dir, err := run.Run(c.Context(), v.Options, ws)
		if err != nil {
			return err
		}
		out.Profiles(r.Profiles)
		out.Closing(r, dir)
		*code = r.Exit.Code
		return nil
	}
	return c
}

// refused writes and prints the results of a run that did not begin.
func refused(out reports.Console, o run.Options, why error) int {
	r, dir := run.Refused(o, why)
	out.Closing(r, dir)
	return r.Exit.Code
}

func killMatrixCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "kill-matrix [MUTANT…]", Short: "prove that the checks can fail: run the broken variants"}
	v := bind(c, "file", "scenarios")
	c.RunE = func(c *cobra.Command, mutants []string) error {
		fixtures, err := run.Fixtures()
		if err != nil {
			return err
		}
		out := reports.Console{W: os.Stdout, Verbose: v.Verbose}
		m, err := killmatrix.Run(c.Context(), v.Options, fixtures, mutants...)
		if err != nil {
			*code = refused(out, v.Options, err)
			return nil
		}
		out.Matrix(m)
		*code = m.Run.Exit.Code
		return nil
	}
	return c
}

func clusterCommand() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "clusters that meshproof made"}
	var on target.ExistingOptions
	clean := &cobra.Command{Use: "clean", Short: "remove the clusters that meshproof made, and only those", Args: usage(0), RunE: func(c *cobra.Command, _ []string) error {
		log := reports.Console{W: os.Stdout}.Progress(time.Now())
		if on.Kubeconfig != "" && on.Context == "" {
			return exitcode.With(exitcode.Usage, errors.New("--kubeconfig is the file of a context: name it with --context"))
		}
		if on.Context != "" {
			on.Log = log
			return target.CleanExisting(c.Context(), on)
		}
		cache, err := image.CacheDir()
		if err != nil {
			return err
		}
		return target.Clean(c.Context(), filepath.Join(cache, "state"), log)
	}}
	clean.Flags().StringVar(&on.Context, "context", "", "clean the cluster of this kubeconfig context instead: remove what dead runs left there, and only that")
	clean.Flags().StringVar(&on.Kubeconfig, "kubeconfig", "", "the file of the context (default: as kubectl finds it)")
	c.AddCommand(clean)
	return c
}
