package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/clientcmd"

	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/run"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/scripts"
)

// completed is what a shell asks for: the words that may stand there, and whether files may.
type completed = func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective)

// addCompletions tells the shells what can be said, for flags and arguments of which it is known.
func addCompletions(c *cobra.Command) {
	flags := map[string]completed{
		"file":      orFile(list(profiles)),
		"context":   only(contexts),
		"scenarios": only(list(scenarios)),
		"otp":       only(func(*cobra.Command, string) []string { return pins().Releases() }),
		"k8s": only(func(*cobra.Command, string) (all []string) {
			for _, v := range pins().Kubernetes() {
				all = append(all, strings.TrimPrefix(v, "v"))
			}
			return all
		}),
		"nodes": cobra.NoFileCompletions, "seed": cobra.NoFileCompletions, "pods": cobra.NoFileCompletions, "namespace": cobra.NoFileCompletions,
	}
	arguments := map[string]completed{
		"explain": only(func(*cobra.Command, string) []string { return rules.IDs() }), "run": orFile(profiles), "lint": orFile(profiles), "kill-matrix": only(mutants),
		"judge": func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return []string{"jsonl"}, cobra.ShellCompDirectiveFilterFileExt
		},
		"diff": func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		"inspect": cobra.NoFileCompletions, "version": cobra.NoFileCompletions, "checks": cobra.NoFileCompletions, "schema": cobra.NoFileCompletions,
	}
	forms := map[string][]string{"checks": {"json", "markdown"}, "run": {"json"}, "kill-matrix": {"json"}, "lint": lintFormats, "judge": {"json", "html"}, "inspect": inspectFormats, "diff": {"text", "json"}, "version": {"json"}}
	for _, sub := range c.Commands() {
		addCompletions(sub)
		if complete := arguments[sub.Name()]; complete != nil {
			sub.ValidArgsFunction = complete
		}
		for name, complete := range flags {
			if sub.Flags().Lookup(name) != nil {
				_ = sub.RegisterFlagCompletionFunc(name, complete) // fails for a flag that does not exist
			}
		}
		if all := forms[sub.Name()]; all != nil {
			_ = sub.RegisterFlagCompletionFunc("output", only(func(*cobra.Command, string) []string { return all }))
		}
	}
}

// only completes with words, and never with files.
func only(words func(c *cobra.Command, begun string) []string) completed {
	return func(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words(c, begun), cobra.ShellCompDirectiveNoFileComp
	}
}

// orFile completes with words, and with files where no word fits.
func orFile(words func(c *cobra.Command, begun string) []string) completed {
	return func(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words(c, begun), cobra.ShellCompDirectiveDefault
	}
}

// list completes the last word of a list with commas.
func list(words func(c *cobra.Command, begun string) []string) func(*cobra.Command, string) []string {
	return func(c *cobra.Command, begun string) []string {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		var all []string
		for _, w := range words(c, begun[len(before):]) {
			all = append(all, before+w)
		}
		return all
	}
}

func profiles(*cobra.Command, string) []string { return fixtures("profiles") }

func mutants(*cobra.Command, string) []string { return fixtures("mutants") }

// fixtures are the names of our own profiles or mutants; none where they cannot be had.
func fixtures(kind string) []string {
	dir, err := run.Fixtures()
	if err != nil {
		return nil
	}
	return workload.Names(dir, kind)
}

func scenarios(*cobra.Command, string) (all []string) {
	for _, name := range scenario.Names() {
		all = append(all, string(name))
	}
	return all
}

// contexts are those of the kubeconfig that the command would read.
func contexts(c *cobra.Command, _ string) (all []string) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	if f := c.Flags().Lookup("kubeconfig"); f != nil {
		rules.ExplicitPath = f.Value.String()
	}
	config, err := rules.Load()
	if err != nil {
		return nil
	}
	for name := range config.Contexts {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// pins are the pinned versions; none where they cannot be read.
func pins() scripts.Versions {
	v, _ := scripts.Load()
	return v
}
