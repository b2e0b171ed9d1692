package main

import (
	"encoding/json"
	"fmt"

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
			{"meshproof", v.Meshproof}, {"Go", v.Go}, {"kind", v.Kind}, {"Kubernetes", v.Kubernetes}, {"Erlang/OTP", v.OTP}, {"recordings", v.Recording},
		} {
			fmt.Fprintf(w, "%-11s %s\n", l[0], l[1])
		}
		return nil
	}
	return c
}
