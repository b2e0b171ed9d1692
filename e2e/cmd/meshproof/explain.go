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
	"meshproof.dev/meshproof/e2e/manifest"
	"meshproof.dev/meshproof/e2e/profile"
)

func explainCommand() *cobra.Command {
	return &cobra.Command{Use: "explain CHECK", Short: "say of one check why it matters, what it finds, and how it may be suppressed", Args: usage(1),
		Example: "  meshproof explain manifest/name-per-pod",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exitcode.With(exitcode.Usage, fmt.Errorf("which check? `%s CHECK`; meshproof checks lists all", c.CommandPath()))
			}
			killers, err := killers()
			if err != nil {
				return err
			}
			all := catalogue(rules.All(), killers)
			at := slices.IndexFunc(all, func(e entry) bool { return e.ID == args[0] })
			if at < 0 {
				return exitcode.With(exitcode.Usage, fmt.Errorf("unknown check %q%s (meshproof checks lists all checks)", args[0], profile.Meant(args[0], rules.IDs())))
			}
			explained(c.OutOrStdout(), all[at], all[at+1:])
			return nil
		}}
}

// explained writes what there is to say about a check before anything is judged.
func explained(w io.Writer, e entry, above []entry) {
	fmt.Fprintf(w, "%s\n  %s.\n\nWhy\n  %s\n  Source: %s\n\nLevel\n  %s\n", e.ID, sentence(e), e.Why, e.Source, levels[e.Level])
	if e.Lint {
		fmt.Fprintln(w, "  It is judged by lint, too, from the manifests alone.")
	} else {
		fmt.Fprintf(w, "  It is judged on a cluster, from the recording of the scenario %s.\n", e.scenarios())
	}
	fmt.Fprintln(w, "\nDiagnoses, and what to do (a finding says it with the names of your objects)")
	for _, d := range e.Diagnoses {
		fmt.Fprintf(w, "  %s\n", d.Code)
		if d.Remedy != "" {
			fmt.Fprintf(w, "    to do: %s\n", d.Remedy)
		}
		if len(d.Explains) > 0 {
			fmt.Fprintf(w, "    can be the reason why these fail: %s\n", strings.Join(compact(d.Explains, above), ", "))
		}
		if len(d.Mutants) > 0 {
			fmt.Fprintf(w, "    an example of it: fixtures/mutants/%s\n", d.Mutants[0])
		}
	}
	fmt.Fprintln(w, "\nTo suppress it, with a reason")
	if e.ID == check.Never {
		fmt.Fprintln(w, "  It is never suppressed by an annotation: without it nothing shows that there is a cluster.")
	} else {
		fmt.Fprintf(w, "  for one object, in its metadata.annotations:  %s%s: REASON\n", manifest.IgnorePrefix, strings.Replace(e.ID, "/", ".", 1))
	}
	fmt.Fprintf(w, "  for all of a profile, in its spec:            waive: {%s: REASON}\n", e.ID)
}

// levels say what a failure means.
var levels = map[check.Level]string{
	check.Required: "required: where it fails, the mesh does not work now (exit code 1).",
	check.Latent:   "latent: it works now, and breaks at the next join or restart (exit code 1).",
	check.Advice:   "advice: good practice, which never changes the exit code.",
}
