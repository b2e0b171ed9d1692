package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/e2e/workload/draft"
	"meshproof.dev/meshproof/reports"
)

func lintCommand(code *int) *cobra.Command {
	c := &cobra.Command{
		Use: "lint [PROFILE|DIR|FILE|-]", Short: "judge a profile and its manifests, or manifests alone, before any cluster", Args: usage(1),
		Long: `Judge a profile and its manifests, or manifests alone, before any cluster.

Of a folder only files are read: no command, no helm and no remote base of a kustomization is run or fetched, and what was
therefore not rendered is named. The command of a profile is run only if the profile's file itself is named
(meshproof lint shop/profile.yaml). It is printed first, and gets a small environment: PATH, HOME, USER, TMPDIR, TZ, LANG,
LC_*, SSL_CERT_FILE, SSL_CERT_DIR and the folders of XDG, helm and kustomize.

A check may fail for an object that says so, with a reason: metadata.annotations: {meshproof.dev/ignore.CHECK: REASON}, in which
the slash of the check's id is a dot (meshproof.dev/ignore.manifest.cookie-in-secret). It is listed as suppressed.`,
	}
	c.Example = `  meshproof lint shop/profile.yaml                   # a profile; -v prints it as it is understood
  meshproof lint deploy                              # a folder of manifests, without a profile
  helm template shop ./chart | meshproof lint -      # manifests that a command prints
  meshproof lint .                                   # a repository: what is found below it
  kubectl get all,cm,role,rolebinding,netpol -o yaml | meshproof lint -   # what runs
  meshproof lint -o json shop | jq .exit             # for programs; github, sarif and junit are others
  meshproof lint -o sarif . > meshproof.sarif        # for code scanning`
	name := c.Flags().StringP("file", "f", "dns-a", "profile: a name among the fixtures, a folder, or a file")
	verbose := verboseFlag(c, "print the profile as understood, each value with its origin, and the blocked checks one by one")
	form := output(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := form.check(lintFormats...); err != nil {
			return err
		}
		if len(args) == 1 {
			*name = args[0]
		}
		// Without a checkout there are no fixtures, and a user's own profile needs none.
		fixtures, err := run.Fixtures()
		if err != nil {
			fixtures = ""
		}
		var ws []*workload.Workload
		l := loader(fixtures)
		if l.IsFile(*name) {
			l.Announce = func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) }
		}
		if l.Plain(*name) {
			ws, err = draft.Plain(c.Context(), l, *name, c.InOrStdin())
		} else {
			ws, err = l.LoadAll(c.Context(), []string{*name})
		}
		if err != nil {
			return err
		}
		var all []reports.Profile
		for _, w := range ws {
			if *verbose && writers[*form] == nil {
				understood(c.OutOrStdout(), w)
			}
			p, err := lint(w, rules.All())
			if err != nil {
				return err
			}
			all = append(all, p)
		}
		return present(console(c, *verbose), *form, code, all)
	}
	return c
}

// loader reads profiles. They can skip or waive the checks that exist, and no others.
func loader(fixtures string) workload.Loader {
	return workload.Loader{Fixtures: fixtures, Checks: rules.IDs()}
}

// lint judges what the manifests alone decide, from a recording that holds nothing else.
func lint(w *workload.Workload, checks []check.Check) (reports.Profile, error) {
	static := slices.DeleteFunc(slices.Clone(checks), func(c check.Check) bool { return c.Rung != check.Manifest && !c.Static })
	if len(static) == 0 {
		return reports.Profile{}, fmt.Errorf("none of %d checks is decided by manifests alone", len(checks))
	}
	v, err := manifestsOnly(w)
	if err != nil {
		return reports.Profile{}, err
	}
	var scenarios []judge.Scenario
	for _, c := range static {
		if !slices.ContainsFunc(scenarios, func(e judge.Scenario) bool { return e.Name == c.Scenario }) {
			scenarios = append(scenarios, judge.Scenario{Name: c.Scenario, View: v})
		}
	}
	p := reports.Profile{Profile: judge.Judge(w.Profile.Metadata.Name, scenarios, static), Mutant: w.Resolved.Mutant}
	p.Notes = w.Notes()
	return p, readings(&p, w, v)
}

func manifestsOnly(w *workload.Workload) (*view.View, error) {
	y, err := w.Render("", nil)
	if err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	var known secrets.Redactor
	if err = w.Guard(&known); err != nil {
		return nil, err
	}
	// The reader stands here, and not in the profile's folder.
	objects, err := workload.Objects(y, ".", &known)
	if err != nil {
		return nil, exitcode.With(exitcode.Usage, err)
	}
	h, err := w.Header(recording.Formation, "")
	if err != nil {
		return nil, err
	}
	v, err := view.New(h)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		v.Apply(recording.Event{By: "lint", Object: &o})
	}
	return v, nil
}

// understood prints the profile with everything that was not in it.
func understood(w io.Writer, l *workload.Workload) {
	fmt.Fprintf(w, "\n%s, as understood (profile: %s says it; inferred: from the manifests)\n", l.Name(), l.File)
	for _, s := range profile.Settings(l.Profile, l.Resolved) {
		fmt.Fprintf(w, "  %-18s %-8s  %s\n", s.Name, s.Origin, s.Value)
	}
}

// format is the value of -o.
type format string

func output(c *cobra.Command) *format {
	var f format
	c.Flags().StringVarP((*string)(&f), "output", "o", "", "form of the output, such as json")
	return &f
}

// check refuses a form that the command does not have.
func (f format) check(known ...string) error {
	if f == "" || slices.Contains(known, string(f)) {
		return nil
	}
	return exitcode.With(exitcode.Usage, fmt.Errorf("-o %s is not known: use %s", f, strings.Join(known, ", ")))
}

func verboseFlag(c *cobra.Command, help string) *bool {
	return c.Flags().BoolP("verbose", "v", false, help)
}
