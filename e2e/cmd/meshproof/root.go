package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/guard"
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
	parent(c, runCommand(code), killMatrixCommand(code), lintCommand(code), judgeCommand(code), checksCommand(), schemaCommand(), initCommand(), clusterCommand(), versionCommand())
	return c
}

// parent makes c a command that has only subcommands: alone it prints its help, and anything else is an unknown command. cobra
// would end with an error without a code, or print the help and end with 0.
func parent(c *cobra.Command, all ...*cobra.Command) {
	c.AddCommand(all...)
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, sub := range all {
			names = append(names, sub.Name())
		}
		slices.Sort(names)
		return exitcode.With(exitcode.Usage, fmt.Errorf("unknown command %q for %q: it must be one of %s", args[0], c.CommandPath(), strings.Join(names, ", ")))
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
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

// usage refuses more than n arguments.
func usage(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return exitcode.With(exitcode.Usage, fmt.Errorf("unexpected argument %q: %s accepts at most %d arg(s)", args[n], c.CommandPath(), n))
	}
}

func runCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "run [PROFILE…]", Short: "deploy profiles, record them, judge them; all at the same time, each in a namespace of its own"}
	v := bind(c)
	c.RunE = reported(v, code, func(c *cobra.Command, args []string, out reports.Console) (int, error) {
		if len(args) > 0 && c.Flags().Changed("file") {
			return 0, exitcode.With(exitcode.Usage, fmt.Errorf("profiles are named twice: %s by --file, and %s as arguments", strings.Join(v.Profiles, ", "), strings.Join(args, ", ")))
		}
		if len(args) > 0 {
			v.Profiles = args
		}
		fixtures, err := run.Fixtures()
		if err != nil {
			return 0, err
		}
		ws, err := loader(fixtures).LoadAll(c.Context(), v.Profiles)
		if err != nil {
			return 0, err
		}
		r, dir, err := run.Run(c.Context(), v.Options, ws)
		if err != nil {
			return 0, err
		}
		out.Profiles(r.Profiles)
		out.Closing(r, dir)
		return r.Exit.Code, nil
	})
	refuseFlags(c, v)
	return c
}

func killMatrixCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "kill-matrix [MUTANT…]", Short: "prove that the checks can fail: run the broken variants"}
	v := bind(c, "file", "scenarios")
	c.RunE = reported(v, code, func(c *cobra.Command, mutants []string, out reports.Console) (int, error) {
		fixtures, err := run.Fixtures()
		if err != nil {
			return 0, err
		}
		m, err := killmatrix.Run(c.Context(), v.Options, fixtures, mutants...)
		if err != nil {
			return 0, err
		}
		out.Matrix(m)
		return m.Run.Exit.Code, nil
	})
	refuseFlags(c, v)
	return c
}

// reported wraps a command that has results. An error, or a panic of ours, is one of them: it is printed, and written where the
// results of a run are, so that nobody takes those of an earlier run for them.
func reported(v *options.Values, code *int, carryOut func(*cobra.Command, []string, reports.Console) (int, error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		out := reports.Console{W: os.Stdout, Verbose: v.Verbose}
		err := exitcode.With(exitcode.Usage, v.Check())
		if err == nil {
			err = guard.Try(func() (err error) { *code, err = carryOut(c, args, out); return err })
		}
		if err != nil {
			r, dir := run.Refused(v.Options, err)
			out.Closing(r, dir)
			*code = r.Exit.Code
		}
		return nil
	}
}

// refuseFlags writes the results for a wrong flag, too; main prints the error.
func refuseFlags(c *cobra.Command, v *options.Values) {
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		err = exitcode.With(exitcode.Usage, err)
		_, _ = run.Refused(v.Options, err)
		return err
	})
}

func clusterCommand() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "clusters that meshproof made"}
	var on target.ExistingOptions
	clean := &cobra.Command{Use: "clean", Short: "remove the clusters that meshproof made, and only those", Args: usage(0), RunE: func(c *cobra.Command, _ []string) error {
		log := reports.Console{W: os.Stdout}.Progress(time.Now())
		if on.Kubeconfig != "" && on.Context == "" {
			return exitcode.With(exitcode.Usage, errors.New("--kubeconfig is the file of a context: name it with --context"))
		}
		if c.Flags().Changed("context") {
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
	parent(c, clean)
	return c
}
