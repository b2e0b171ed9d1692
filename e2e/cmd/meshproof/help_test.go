package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// flag is a flag as somebody types it.
var flag = regexp.MustCompile(`(?:^|\s)(--?[a-z][a-z0-9-]*)`)

// each calls f for each command that does something.
func each(c *cobra.Command, f func(*cobra.Command)) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			each(sub, f)
			f(sub)
		}
	}
}

// Each command shows how it is called, with flags that it has.
func TestHelpHasExamples(t *testing.T) {
	var code int
	c := root(&code)
	commands := 0
	each(c, func(c *cobra.Command) {
		commands++
		if !strings.Contains(c.Example, "meshproof "+strings.TrimPrefix(c.CommandPath(), "meshproof ")) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			line, _, _ = strings.Cut(line, " # ")
			for part := range strings.SplitSeq(line, " | ") {
				_, said, ours := strings.Cut(part, c.CommandPath())
				said, _, _ = strings.Cut(said, " -- ") // what stands behind it is another program's
				for _, m := range flag.FindAllStringSubmatch(said, -1) {
					name := strings.TrimLeft(m[1], "-")
					if ours && c.Flags().Lookup(name) == nil && (len(name) > 1 || c.Flags().ShorthandLookup(name) == nil) {
						t.Errorf("%s: the example %q has the flag %s, and the command has none", c.CommandPath(), strings.TrimSpace(line), m[1])
					}
				}
			}
		}
	})
	if commands < 9 {
		t.Errorf("only %d commands were looked at", commands)
	}
}

// What kubectl has is called as kubectl calls it.
func TestFlagsAreNamedAsKubectlNamesThem(t *testing.T) {
	kubectl := map[string]string{"namespace": "n", "output": "o", "filename": "f", "selector": "l", "context": "", "kubeconfig": ""}
	var code int
	seen := map[string]bool{}
	each(root(&code), func(c *cobra.Command) {
		for long, short := range kubectl {
			if f := c.Flags().Lookup(long); f != nil {
				seen[long] = true
				if f.Shorthand != short {
					t.Errorf("%s: --%s is -%s, in kubectl it is -%s", c.CommandPath(), long, f.Shorthand, short)
				}
			}
		}
	})
	for _, long := range []string{"namespace", "output", "context", "kubeconfig"} {
		if !seen[long] {
			t.Errorf("no command has --%s", long)
		}
	}
}
