package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/e2e/version"
)

func versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "print the versions of this program, of what it uses by default, and of its recordings", Args: usage(0),
		Example: "  meshproof version\n  meshproof version -o json"}
	form := output(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := form.check("json"); err != nil {
			return err
		}
		v, err := version.Get()
		if err != nil {
			return err
		}
		w := c.OutOrStdout()
		if *form == "json" {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(v)
		}
		for _, l := range [][2]string{
			{"meshproof", v.Meshproof}, {"commit", commit(v)}, {"Go", v.Go + " " + v.Platform}, {"kind", v.Kind},
			{"Kubernetes", v.Kubernetes + " (can be made: " + strings.Join(v.Supported, ", ") + ")"}, {"Erlang/OTP", v.OTP}, {"recordings", v.Recording},
		} {
			fmt.Fprintf(w, "%-11s %s\n", l[0], l[1])
		}
		for _, p := range v.Brings {
			fmt.Fprintf(w, "%-11s %s sha256:%s\n", "brings", p.Program, p.SHA256)
		}
		if len(v.Brings) == 0 {
			fmt.Fprintf(w, "%-11s nothing: it builds the agent from its checkout\n", "brings")
		}
		return nil
	}
	return c
}

// commit is what the program was built from, as far as the build wrote it down.
func commit(v version.Info) string {
	switch {
	case v.Commit == "":
		return "unknown"
	case v.Dirty:
		return v.Commit + ", with changes that are in no commit"
	}
	return v.Commit
}
