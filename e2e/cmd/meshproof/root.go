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
	"meshproof.dev/meshproof/e2e/progress"
	"meshproof.dev/meshproof/e2e/rights"
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
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: calledAs(os.Args[0])},
	}
	c.SetFlagErrorFunc(flagError)
	parent(c, runCommand(code), killMatrixCommand(code), lintCommand(code), inspectCommand(code), judgeCommand(code), diffCommand(code), checksCommand(), explainCommand(), schemaCommand(), initCommand(), clusterCommand(), versionCommand())
	c.InitDefaultCompletionCmd()
	for _, sub := range c.Commands() {
		if sub.Name() == "completion" {
			onlyHasSubcommands(sub)
		}
	}
	addCompletions(c)
	return c
}

// flagError is the error about a flag, with what to do. One about a value says already what the value must be.
func flagError(c *cobra.Command, err error) error {
	if !strings.HasPrefix(err.Error(), "invalid argument") {
		err = fmt.Errorf("%w: `%s --help` lists the flags", err, c.CommandPath())
	}
	return exitcode.With(exitcode.Usage, err)
}

// calledAs is what the user types: kubectl calls a program of this name for "kubectl meshproof".
func calledAs(program string) string {
	if strings.HasPrefix(filepath.Base(program), "kubectl-") {
		return "kubectl meshproof"
	}
	return "meshproof"
}

// parent makes c a command that has only these subcommands.
func parent(c *cobra.Command, all ...*cobra.Command) {
	c.AddCommand(all...)
	onlyHasSubcommands(c)
}

// onlyHasSubcommands makes c print its help if it is alone, and refuse anything else as an unknown command. cobra would end with
// an error without a code, or print the help and end with 0.
func onlyHasSubcommands(c *cobra.Command) {
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, sub := range c.Commands() {
			if sub.Name() != "help" {
				names = append(names, sub.Name())
			}
		}
		slices.Sort(names)
		return exitcode.With(exitcode.Usage, fmt.Errorf("unknown command %q for %q: it must be one of %s", args[0], c.CommandPath(), strings.Join(names, ", ")))
	}
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
}

// bind gives the command the flags of a run, but for those that it does not have.
func bind(c *cobra.Command, without ...string) *options.Values {
	v := options.FromEnvironment()
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
		return exitcode.With(exitcode.Usage, fmt.Errorf("unexpected argument %q: %s accepts at most %d arg(s); `%s --help` has examples", args[n], c.CommandPath(), n, c.CommandPath()))
	}
}

func runCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "run [PROFILE…]", Short: "deploy profiles, record them, judge them; all at the same time, each in a namespace of its own",
		Example: `  meshproof run                                      # the reference application, on a kind cluster that is made and removed
  meshproof run shop/profile.yaml                    # your own application
  meshproof run -f dns-a,dns-srv --nodes 3 --keep    # two profiles at the same time; the next run takes the cluster over
  meshproof run --repeat 50                          # a soak: how often is it green, and do we leak?
  meshproof run --context staging shop               # on a cluster that exists
  meshproof run --context staging --print-rbac shop  # what it needs there, as YAML for kubectl apply
  meshproof run -o json shop > report.json           # the report on stdout, progress on stderr`}
	v, form := bind(c), output(c)
	c.RunE = reported(v, form, code, func(c *cobra.Command, args []string) (*outcome, error) {
		if len(args) > 0 && c.Flags().Changed("file") {
			return nil, exitcode.With(exitcode.Usage, fmt.Errorf("profiles are named twice: %s by --file, and %s as arguments; use one of the two", strings.Join(v.Profiles, ", "), strings.Join(args, ", ")))
		}
		if len(args) > 0 {
			v.Profiles = args
		}
		fixtures, err := run.Fixtures()
		if err != nil {
			return nil, err
		}
		ws, err := loader(fixtures).LoadAll(c.Context(), v.Profiles)
		if err != nil {
			return nil, err
		}
		if v.RBAC && *form != "" {
			return nil, exitcode.With(exitcode.Usage, fmt.Errorf("--print-rbac prints YAML, and -o %s a report: leave out one of the two", *form))
		}
		if v.RBAC {
			plan, bad := v.Rights(ws)
			if bad == nil {
				_, bad = fmt.Fprint(c.OutOrStdout(), rights.Print(plan))
			}
			return nil, bad
		}
		r, dir, err := run.Run(c.Context(), v.Options, ws)
		if err != nil {
			return nil, err
		}
		return &outcome{r, reports.OfRun(r, dir), func(out reports.Console) { out.Run(r); out.Closing(r, dir) }}, nil
	})
	refuseFlags(c, v)
	return c
}

func killMatrixCommand(code *int) *cobra.Command {
	c := &cobra.Command{Use: "kill-matrix [MUTANT…]", Short: "prove that the checks can fail: run the broken variants",
		Example: `  meshproof kill-matrix                              # all of fixtures/mutants
  meshproof kill-matrix cluster-ip selector-typo     # only these`}
	v := bind(c, "file", "scenarios", "namespace", "print-rbac", "repeat")
	var lines format
	c.RunE = reported(v, &lines, code, func(c *cobra.Command, mutants []string) (*outcome, error) {
		fixtures, err := run.Fixtures()
		if err != nil {
			return nil, err
		}
		m, err := killmatrix.Run(c.Context(), v.Options, fixtures, mutants...)
		if err != nil {
			return nil, err
		}
		return &outcome{m.Run, reports.OfMatrix(m), func(out reports.Console) { out.Matrix(m) }}, nil
	})
	refuseFlags(c, v)
	return c
}

// outcome is what a command that has results ended with.
type outcome struct {
	run    *reports.Run
	github reports.GitHub
	show   func(reports.Console)
}

// reported wraps a command that has results. An error, or a panic of ours, is one of them: it is printed, and written where the
// results of a run are, so that nobody takes those of an earlier run for them. Progress goes to stderr. With -o json stdout has one
// report and nothing else, whatever the command ended with, and the closing lines go to stderr, too. A command without an outcome
// has printed what it was asked for.
func reported(v *options.Values, form *format, code *int, carryOut func(*cobra.Command, []string) (*outcome, error)) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		board := progress.New(c.ErrOrStderr(), time.Now())
		defer board.Close()
		v.Log, v.Progress = board.Line, board
		people := c.OutOrStdout()
		if *form == "json" || v.RBAC { // stdout is for another program
			people = c.ErrOrStderr()
		}
		github := run.BeginGitHub(people)
		show := func(o *outcome) error {
			board.Close()
			*code = o.run.Exit.Code
			out := reports.Console{W: people, Verbose: v.Verbose, Colour: progress.Colors(people)}
			o.show(out)
			var err error
			if *form == "json" {
				err = reports.JSON(c.OutOrStdout(), o.run)
			}
			github.Publish(o.github)
			return err
		}
		err := exitcode.With(exitcode.Usage, v.Check())
		if err == nil {
			err = form.check("json")
		}
		if err == nil {
			err = guard.Try(func() error {
				o, failed := carryOut(c, args)
				if failed != nil || o == nil {
					return failed
				}
				return show(o)
			})
		}
		if err == nil {
			return nil
		}
		r, dir := run.Refused(v.Options, err)
		return show(&outcome{r, reports.OfRun(r, dir), func(out reports.Console) { out.Closing(r, dir) }})
	}
}

// console is where a command prints its results for people.
func console(c *cobra.Command, verbose bool) reports.Console {
	w := c.OutOrStdout()
	return reports.Console{W: w, Verbose: verbose, Colour: progress.Colors(w)}
}

// refuseFlags writes the results for a wrong flag, too; main prints the error.
func refuseFlags(c *cobra.Command, v *options.Values) {
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		err = flagError(c, err)
		_, _ = run.Refused(v.Options, err)
		return err
	})
}

func clusterCommand() *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "clusters that meshproof made", Example: "  meshproof cluster clean"}
	var on target.ExistingOptions
	clean := &cobra.Command{Use: "clean", Short: "remove the clusters that meshproof made, and only those", Args: usage(0),
		Example: `  meshproof cluster clean                            # kind clusters on this machine
  meshproof cluster clean --context staging          # what dead runs left on a cluster that exists
  meshproof cluster clean --context staging -n shop  # the same, in one namespace`, RunE: func(c *cobra.Command, _ []string) error {
			board := progress.New(c.ErrOrStderr(), time.Now())
			defer board.Close()
			ctx, log := progress.With(c.Context(), board), board.Line
			if on.Kubeconfig != "" && on.Context == "" {
				return exitcode.With(exitcode.Usage, errors.New("--kubeconfig is the file of a context: name it with --context"))
			}
			if on.Namespace != "" && on.Context == "" {
				return exitcode.With(exitcode.Usage, errors.New("--namespace is one of a context: name it with --context"))
			}
			if c.Flags().Changed("context") {
				on.Log = log
				return target.CleanExisting(ctx, on)
			}
			cache, err := image.CacheDir()
			if err != nil {
				return err
			}
			return target.Clean(ctx, filepath.Join(cache, "state"), log)
		}}
	clean.Flags().StringVar(&on.Context, "context", "", "clean the cluster of this kubeconfig context instead: remove what dead runs left there, and only that")
	clean.Flags().StringVarP(&on.Namespace, "namespace", "n", "", "of that context, clean this namespace alone; it needs rights in no other")
	clean.Flags().StringVar(&on.Kubeconfig, "kubeconfig", "", "the file of the context (default: as kubectl finds it)")
	parent(c, clean)
	return c
}
