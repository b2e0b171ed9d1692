package main

import (
	"io"

	"github.com/spf13/cobra"

	"meshproof.dev/meshproof/docs"
)

func schemaCommand() *cobra.Command {
	return &cobra.Command{Use: "schema", Short: "print the JSON schema of the profile format, for editors", Args: usage(0),
		Example: "  meshproof schema > profile.schema.json", RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), docs.ProfileSchema())
			return err
		}}
}
